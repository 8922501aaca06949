// A queue between coroutines: a condition variable to wait for values, a semaphore to limit them, an event to start.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <deque>
#include <holdfast/sync/condition_variable.hpp>
#include <holdfast/sync/event.hpp>
#include <holdfast/sync/guarded.hpp>
#include <holdfast/sync/semaphore.hpp>

namespace asio = boost::asio;

struct bounded_queue {
  holdfast::sync::guarded<std::deque<int>> values;
  holdfast::sync::condition_variable filled;
  holdfast::sync::semaphore places{2};
};

asio::awaitable<void> produce(bounded_queue& queue, holdfast::sync::event& begin) {
  co_await begin.async_wait();
  for (int i = 1; i <= 4; ++i) {
    co_await queue.places.async_acquire();
    auto values = co_await queue.values.async_lock();
    values->push_back(i);
    std::printf("put %d\n", i);
    queue.filled.notify_one();
  }
}

asio::awaitable<void> consume(bounded_queue& queue) {
  for (int i = 1; i <= 4; ++i) {
    auto values = co_await queue.values.async_lock();
    auto some = [&values] { return !values->empty(); };
    co_await queue.filled.async_wait(values, some);
    std::printf("took %d\n", values->front());
    values->pop_front();
    queue.places.release();
  }
}

int main() {
  asio::io_context context;
  bounded_queue queue;
  holdfast::sync::event begin;
  asio::co_spawn(context, consume(queue), asio::detached);
  asio::co_spawn(context, produce(queue, begin), asio::detached);
  context.poll();
  begin.set();
  context.run();
}
