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

/// The subjects: what protects the measured section. All protect the same section, one addition, in coroutines with a
/// concrete executor. Each subject has
///
///   suffix                suffix of its lines' names
///   holds_across_await    true if it can be owned across a co_await; otherwise the await follows the section
///   repeat(subject, loop) a coroutine: one section while loop.goes_on()
///   repeat_yielding(...)  the same with one yield to the executor in each section, or after it
namespace holdfast::bench {

namespace asio = boost::asio;
using executor = asio::io_context::executor_type;
template <class T = void>
using awaitable = asio::awaitable<T, executor>;
constexpr asio::use_awaitable_t<executor> use_awaitable;

/// Our lock, used through a lock object.
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

/// Our lock, with the section as a function. A function can't await, so repeat_yielding() yields after it.
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

/// A lock that blocks threads. It can't be owned across an await, so repeat_yielding() yields after the section.
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

/// A strand: the section is a function that runs on it, and the coroutine continues on its own executor. As for all
/// functions, repeat_yielding() yields after it.
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

/// A channel with a capacity of one token: sending the token acquires, receiving it releases.
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
