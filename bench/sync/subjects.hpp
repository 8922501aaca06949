#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdint>
#include <holdfast/sync/mutex.hpp>
#include <mutex>
#include <string_view>
#include <utility>

/// What guards the section that is measured. All guard the same section, one addition, from coroutines with a concrete
/// executor. Each subject has
///
///   suffix                what its lines' names end with
///   holds_across_await    whether it can own across a co_await; the others await after the section
///   repeat(subject, loop) a coroutine: one section for each time that loop.goes_on()
///   repeat_yielding(...)  the same with one turn of the executor in each section, or after it
namespace holdfast::bench {

namespace asio = boost::asio;
using executor = asio::io_context::executor_type;
template <class T = void>
using awaitable = asio::awaitable<T, executor>;
constexpr asio::use_awaitable_t<executor> use_awaitable;

/// Our lock, owned by a lock object.
struct holdfast_lock {
  static constexpr std::string_view suffix = "";
  explicit holdfast_lock(asio::io_context&) {}

  template <class Loop>
  static awaitable<> repeat(holdfast_lock& self, Loop loop) {
    while (loop.goes_on()) {
      auto const held = co_await self.mutex.async_lock();
      ++self.value;
      loop.count();
    }
  }
  template <class Loop>
  static awaitable<> repeat_yielding(holdfast_lock& self, Loop loop) {
    while (loop.goes_on()) {
      auto const held = co_await self.mutex.async_lock();
      ++self.value;
      co_await asio::post(asio::deferred);
      loop.count();
    }
  }

  sync::mutex mutex;
  std::uint64_t value = 0;
};

/// Our lock, with the section as a function. A function can't await: repeat_yielding() yields after it.
struct holdfast_run {
  static constexpr std::string_view suffix = "_run";
  explicit holdfast_run(asio::io_context&) {}

  template <class Loop>
  static awaitable<> repeat(holdfast_run& self, Loop loop) {
    auto const section = [&self] { ++self.value; };
    while (loop.goes_on()) {
      co_await self.mutex.async_run(section);
      loop.count();
    }
  }
  template <class Loop>
  static awaitable<> repeat_yielding(holdfast_run& self, Loop loop) {
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

/// The lock that blocks threads. It can't be owned across an await: repeat_yielding() yields after the section.
struct std_mutex {
  static constexpr std::string_view suffix = "_std_mutex";
  explicit std_mutex(asio::io_context&) {}

  template <class Loop>
  static awaitable<> repeat(std_mutex& self, Loop loop) {
    while (loop.goes_on()) {
      self.add();
      loop.count();
    }
    co_return;
  }
  template <class Loop>
  static awaitable<> repeat_yielding(std_mutex& self, Loop loop) {
    while (loop.goes_on()) {
      self.add();
      co_await asio::post(asio::deferred);
      loop.count();
    }
  }

  void add() {
    std::scoped_lock const held(mutex);
    ++value;
  }

  std::mutex mutex;
  std::uint64_t value = 0;
};

/// A strand: the section is a function that runs there, and the coroutine goes on at home. As for every function,
/// repeat_yielding() yields after it.
struct strand {
  static constexpr std::string_view suffix = "_strand";
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
  static awaitable<> repeat_yielding(strand& self, Loop loop) {
    while (loop.goes_on()) {
      co_await self.run(use_awaitable);
      co_await asio::post(asio::deferred);
      loop.count();
    }
  }

  asio::strand<executor> serial;
  std::uint64_t value = 0;
};

/// A channel with room for one token: who puts it in owns, who takes it out has released.
struct channel {
  static constexpr std::string_view suffix = "_channel";
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
