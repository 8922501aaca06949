#pragma once

#include <holdfast/sync/executor_traits.hpp>

#include "server/loop/event_loop.hpp"
#include "server/loop/timer.hpp"

// Tells the lock library how to use the loop's executor.

template <class Allocator, unsigned properties>
inline constexpr bool
    holdfast::sync::frees_before_calling<holdfast::server::basic_loop_executor<Allocator, properties>> = true;

template <class Allocator, unsigned properties>
inline constexpr bool
    holdfast::sync::is_context_executor<holdfast::server::basic_loop_executor<Allocator, properties>> = true;

template <class Allocator, unsigned properties>
struct holdfast::sync::timer_of<holdfast::server::basic_loop_executor<Allocator, properties>> {
  using type = holdfast::server::timer;
};
