#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <holdfast/sync/mutex.hpp>
#include <holdfast/sync/shared_mutex.hpp>
#include <mutex>
#include <string_view>
#include <utility>

/// What guards the section that is measured. All guard the same section: one addition, and then loop.work(). Each
/// subject has
///
///   suffix                     what its lines' names end with
///   holds_across_await         whether it can be owned across a co_await
///   repeat(subject, loop)      a coroutine: one section for each time that loop.goes_on()
///   repeat_then_yield(...)     the same with one turn of the executor after each section
///   repeat_yielding(...)       the same with one turn of the executor inside each section; only if holds_across_await
namespace holdfast::bench {

namespace asio = boost::asio;
using executor = asio::io_context::executor_type;
template <class T = void>
using awaitable = asio::awaitable<T, executor>;
constexpr asio::use_awaitable_t<executor> use_awaitable;

/// The three coroutines of a subject that has `lock()`, an operation whose result owns it.
template <class Self, class Executor = executor>
struct lock_object {
  static constexpr bool holds_across_await = true;

  template <class Loop>
  static asio::awaitable<void, Executor> repeat(Self& self, Loop loop) {
    while (loop.goes_on()) {
      auto const held = co_await self.lock();
      ++self.value;
      loop.work();
      loop.count();
    }
  }
  template <class Loop>
  static asio::awaitable<void, Executor> repeat_then_yield(Self& self, Loop loop) {
    while (loop.goes_on()) {
      {
        auto const held = co_await self.lock();
        ++self.value;
      }
      co_await asio::post(asio::deferred);
      loop.count();
    }
  }
  template <class Loop>
  static asio::awaitable<void, Executor> repeat_yielding(Self& self, Loop loop) {
    while (loop.goes_on()) {
      auto const held = co_await self.lock();
      ++self.value;
      co_await asio::post(asio::deferred);
      loop.count();
    }
  }

  std::uint64_t value = 0;
};

/// Our lock, owned by a lock object.
struct holdfast_lock : lock_object<holdfast_lock> {
  static constexpr std::string_view suffix = "";
  explicit holdfast_lock(asio::io_context&) {}
  auto lock() { return mutex.async_lock(); }
  sync::mutex mutex;
};

/// The same in coroutines whose executor is type-erased, as asio::awaitable<T> is by default.
struct any_executor : lock_object<any_executor, asio::any_io_executor> {
  static constexpr std::string_view suffix = "_any_executor";
  explicit any_executor(asio::io_context&) {}
  auto lock() { return mutex.async_lock(); }
  sync::mutex mutex;
};

/// The same with a deadline that never passes.
struct timed : lock_object<timed> {
  static constexpr std::string_view suffix = "_timed";
  explicit timed(asio::io_context&) {}
  auto lock() { return mutex.async_lock_until(deadline); }
  sync::mutex mutex;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::now() + std::chrono::hours(1);
};

/// The reader-writer lock, owned by one writer at a time.
struct shared_writer : lock_object<shared_writer> {
  static constexpr std::string_view suffix = "_shared_writer";
  explicit shared_writer(asio::io_context&) {}
  auto lock() { return mutex.async_lock(); }
  sync::shared_mutex mutex;
};

/// The reader-writer lock, owned by readers only. The addition is each reader's own.
struct shared_reader {
  static constexpr std::string_view suffix = "_shared_reader";
  static constexpr bool holds_across_await = true;
  explicit shared_reader(asio::io_context&) {}

  template <class Loop>
  static awaitable<> repeat(shared_reader& self, Loop loop) {
    std::uint64_t value = 0;
    while (loop.goes_on()) {
      auto const held = co_await self.mutex.async_lock_shared();
      ++value;
      loop.work();
      loop.count();
    }
  }
  template <class Loop>
  static awaitable<> repeat_yielding(shared_reader& self, Loop loop) {
    std::uint64_t value = 0;
    while (loop.goes_on()) {
      auto const held = co_await self.mutex.async_lock_shared();
      ++value;
      co_await asio::post(asio::deferred);
      loop.count();
    }
  }

  sync::shared_mutex mutex;
};

/// Our lock, with the section as a function, which can't await.
struct holdfast_run {
  static constexpr std::string_view suffix = "_run";
  static constexpr bool holds_across_await = false;
  explicit holdfast_run(asio::io_context&) {}

  template <class Loop>
  static awaitable<> repeat(holdfast_run& self, Loop loop) {
    auto const section = [&self, &loop] {
      ++self.value;
      loop.work();
    };
    while (loop.goes_on()) {
      co_await self.mutex.async_run(section);
      loop.count();
    }
  }
  template <class Loop>
  static awaitable<> repeat_then_yield(holdfast_run& self, Loop loop) {
    auto const section = [&self] { ++self.value; };
    while (loop.goes_on()) {
      co_await self.mutex.async_run(section);
      co_await asio::post(asio::deferred);
      loop.count();
    }
  }

  sync::mutex mutex;
  std::uint64_t value = 0;
};

/// The lock that blocks threads, so it can't be owned across an await.
struct std_mutex {
  static constexpr std::string_view suffix = "_std_mutex";
  static constexpr bool holds_across_await = false;
  explicit std_mutex(asio::io_context&) {}

  template <class Loop>
  static awaitable<> repeat(std_mutex& self, Loop loop) {
    while (loop.goes_on()) {
      {
        std::scoped_lock const held(self.mutex);
        ++self.value;
        loop.work();
      }
      loop.count();
    }
    co_return;
  }
  template <class Loop>
  static awaitable<> repeat_then_yield(std_mutex& self, Loop loop) {
    while (loop.goes_on()) {
      {
        std::scoped_lock const held(self.mutex);
        ++self.value;
      }
      co_await asio::post(asio::deferred);
      loop.count();
    }
  }

  std::mutex mutex;
  std::uint64_t value = 0;
};

/// A strand: the section is a function that runs there, and the coroutine continues on its own executor.
struct strand {
  static constexpr std::string_view suffix = "_strand";
  static constexpr bool holds_across_await = false;
  explicit strand(asio::io_context& context) : serial(context.get_executor()) {}

  template <class Token>
  auto run(Token token) {
    return asio::async_initiate<Token, void()>(
        [this](auto handler) {
          asio::dispatch(serial, [this, handler = std::move(handler)]() mutable {
            ++value;
            auto const home = asio::get_associated_executor(handler);
            asio::post(home, std::move(handler));
          });
        },
        token);
  }

  template <class Loop>
  static awaitable<> repeat(strand& self, Loop loop) {
    while (loop.goes_on()) {
      co_await self.run(use_awaitable);
      loop.count();
    }
  }
  template <class Loop>
  static awaitable<> repeat_then_yield(strand& self, Loop loop) {
    while (loop.goes_on()) {
      co_await self.run(use_awaitable);
      co_await asio::post(asio::deferred);
      loop.count();
    }
  }

  asio::strand<executor> serial;
  std::uint64_t value = 0;
};

/// A channel with room for one token: whoever puts it in owns, and releases by taking it out.
struct channel {
  static constexpr std::string_view suffix = "_channel";
  static constexpr bool holds_across_await = true;
  explicit channel(asio::io_context& context) : token(context.get_executor(), 1) {}

  template <class Loop>
  static awaitable<> repeat(channel& self, Loop loop) {
    while (loop.goes_on()) {
      co_await self.token.async_send(boost::system::error_code(), use_awaitable);
      ++self.value;
      self.release();
      loop.count();
    }
  }
  template <class Loop>
  static awaitable<> repeat_then_yield(channel& self, Loop loop) {
    while (loop.goes_on()) {
      co_await self.token.async_send(boost::system::error_code(), use_awaitable);
      ++self.value;
      self.release();
      co_await asio::post(asio::deferred);
      loop.count();
    }
  }
  template <class Loop>
  static awaitable<> repeat_yielding(channel& self, Loop loop) {
    while (loop.goes_on()) {
      co_await self.token.async_send(boost::system::error_code(), use_awaitable);
      ++self.value;
      co_await asio::post(asio::deferred);
      self.release();
      loop.count();
    }
  }

  void release() {
    token.try_receive([](boost::system::error_code) {});
  }

  asio::experimental::concurrent_channel<executor, void(boost::system::error_code)> token;
  std::uint64_t value = 0;
};

}  // namespace holdfast::bench
