#pragma once

#include "server/asio.hpp"
#include "server/poll_set.hpp"

namespace holdfast::server {

/// Runs both on this thread until the io_context is stopped: handlers, timers and posts from any thread as
/// io_context::run() does, and the set's sources within it, as if they were handlers. What either throws comes out;
/// call it again to go on. While neither has anything to do the thread sleeps in one system call.
///
/// Asio can watch the set as one of its descriptors, which is run_within_asio(). Then each wake-up takes six system
/// calls where a plain epoll loop takes three: Asio's wait, the set's, recv, send, the set's again, and the renewal of
/// the watch. Turned around, the set watches Asio's reactor, and a wake-up that is for a socket never touches it. That
/// took a GET on one connection from 1.40 to 1.07 times the CPU time of a server that does nothing but epoll. It needs
/// to look into Asio (asio_sleep), so it is used with the versions of Asio that it was tried with.
void run_together(asio::io_context& io, poll_set& polls);

/// The portable way.
void run_within_asio(asio::io_context& io, poll_set& polls);

/// The fast way, where asio_sleep is defined.
void run_around_asio(asio::io_context& io, poll_set& polls);

}  // namespace holdfast::server
