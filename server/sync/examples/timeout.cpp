// Three ways to stop waiting: a deadline, a race with a timer, and a cancellation signal. The waiter leaves the queue;
// the others keep their order.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdio>
#include <holdfast/sync/mutex.hpp>

namespace asio = boost::asio;
using holdfast::sync::mutex;
using namespace std::chrono_literals;

asio::awaitable<void> with_a_deadline(mutex& m) {
  auto [error, lock] = co_await m.async_lock_for(1ms, asio::as_tuple(asio::use_awaitable));
  std::printf("with a deadline: %s\n", error == asio::error::timed_out ? "timed out" : "owns it");
}

asio::awaitable<void> in_a_race(mutex& m) {
  using namespace asio::experimental::awaitable_operators;
  asio::steady_timer timer(co_await asio::this_coro::executor, 2ms);
  auto const won = co_await (m.async_lock(asio::use_awaitable) || timer.async_wait(asio::use_awaitable));
  std::printf("in a race: %s\n", won.index() == 1 ? "the timer won" : "owns it");
}

asio::awaitable<void> run(mutex& m) {
  auto held = m.try_lock();

  // Waits during all of the following, and acquires the lock as soon as it is released. A plain function has no
  // associated executor: without bind_executor() it would run on Asio's system executor.
  auto const here = co_await asio::this_coro::executor;
  auto patient = [](boost::system::error_code, mutex::lock lock) {
    std::printf("patient: %s\n", lock.owns_lock() ? "owns it" : "has nothing");
  };
  m.async_lock(asio::bind_executor(here, patient));

  co_await with_a_deadline(m);
  co_await in_a_race(m);

  asio::cancellation_signal stop;
  auto signalled = [](boost::system::error_code error, mutex::lock) {
    std::printf("by a signal: %s\n", error == asio::error::operation_aborted ? "cancelled" : "owns it");
  };
  m.async_lock(asio::bind_cancellation_slot(stop.slot(), asio::bind_executor(here, signalled)));
  stop.emit(asio::cancellation_type::total);

  held.unlock();
}

int main() {
  asio::io_context context;
  mutex m;
  asio::co_spawn(context, run(m), asio::detached);
  context.run();
}
