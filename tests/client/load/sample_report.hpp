#pragma once

#include "client/load/report.hpp"

namespace holdfast::tests {

/// 100 answers: 90 gets of 1 ms, 9 puts of 2 ms, a get of 101 ms that waited 100 ms for the lock.
[[nodiscard]] client::load::measurements a_hundred_answers();

/// A closed loop of 2 s: those answers in its first second, none in its second.
[[nodiscard]] client::load::load_report finished_run();

/// An open loop of 10 requests a second for 10 s, of which the second half waited for a connection.
[[nodiscard]] client::load::load_report finished_open_loop();

}  // namespace holdfast::tests
