#pragma once
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/associator.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <tuple>
#include <type_traits>
#include <utility>

namespace holdfast::sync::detail {

template <class Signature>
struct signature_tuple;
template <class... Args>
struct signature_tuple<void(Args...)> {
  using type = std::tuple<Args...>;
};

/// Hands its arguments on as a tuple. What Asio's as_tuple does with a token, for a handler that can only be moved.
template <class Handler>
struct tuple_handler {
  template <class... Args>
  void operator()(Args&&... args) {
    std::move(handler)(std::tuple<std::decay_t<Args>...>(std::forward<Args>(args)...));
  }
  Handler handler;
};

template <class Initiation>
struct tuple_initiation {
  template <class Handler>
  void operator()(Handler&& handler) {
    std::move(initiation)(tuple_handler<std::decay_t<Handler>>{std::forward<Handler>(handler)});
  }
  Initiation initiation;
};

/// What the initiating functions return for the token `deferred`: an operation that has not begun. It does what Asio's
/// own deferred operation does (it is called with a token, or awaited), and when a coroutine awaits it, it can be done
/// without suspending the coroutine; see awaiter.hpp. With `as_tuple(deferred)` the result is a tuple.
template <class Initiation, class Signature, bool as_tuple>
class [[nodiscard]] pending_operation {
  using seen_signature = std::conditional_t<as_tuple, void(typename signature_tuple<Signature>::type), Signature>;

 public:
  explicit pending_operation(Initiation&& initiation) : initiation_(std::move(initiation)) {}

  template <boost::asio::completion_token_for<seen_signature> CompletionToken>
  auto operator()(CompletionToken&& token) && {
    return initiate(std::move(initiation_), std::forward<CompletionToken>(token));
  }
  template <boost::asio::completion_token_for<seen_signature> CompletionToken>
  auto operator()(CompletionToken&& token) const& {
    return initiate(Initiation(initiation_), std::forward<CompletionToken>(token));
  }

  Initiation& initiation() noexcept { return initiation_; }

 private:
  template <class CompletionToken>
  static auto initiate(Initiation&& initiation, CompletionToken&& token) {
    if constexpr (as_tuple) {
      return boost::asio::async_initiate<CompletionToken, seen_signature>(
          tuple_initiation<Initiation>{std::move(initiation)}, token);
    } else {
      return boost::asio::async_initiate<CompletionToken, Signature>(std::move(initiation), token);
    }
  }

  Initiation initiation_;
};

template <class Initiation, bool as_tuple = false>
using pending = pending_operation<Initiation, typename Initiation::signature, as_tuple>;

/// Awaits an operation inside an awaitable of its own. The uncontended case needs no turn of the executor.
template <class Executor, class Operation>
auto await_operation(Operation operation)
    -> boost::asio::awaitable<decltype(std::declval<Operation&>().initiation().take()), Executor> {
  co_return co_await std::move(operation);
}
template <class Executor, class Operation>
auto await_operation_as_tuple(Operation operation)
    -> boost::asio::awaitable<decltype(std::declval<Operation&>().initiation().take_tuple()), Executor> {
  co_return co_await std::move(operation);
}

template <class Token>
struct token_kind {
  static constexpr bool is_deferred = false;
  static constexpr bool is_awaitable = false;
};
template <>
struct token_kind<boost::asio::deferred_t> {
  static constexpr bool is_deferred = true;
  static constexpr bool is_awaitable = false;
  static constexpr bool is_tuple = false;
};
template <class Executor>
struct token_kind<boost::asio::use_awaitable_t<Executor>> {
  static constexpr bool is_deferred = false;
  static constexpr bool is_awaitable = true;
  static constexpr bool is_tuple = false;
  using executor_type = Executor;
};
template <class Token>
struct token_kind<boost::asio::as_tuple_t<Token>> : token_kind<Token> {
  static constexpr bool is_tuple = true;
};
template <class Token>
struct token_kind<boost::asio::as_tuple_t<boost::asio::as_tuple_t<Token>>> : token_kind<void> {};

/// async_initiate, with a shorter way for coroutines.
template <class CompletionToken, class Initiation>
auto start_with(CompletionToken&& token, Initiation initiation) {
  using kind = token_kind<std::decay_t<CompletionToken>>;
  if constexpr (kind::is_deferred) {
    return pending<Initiation, kind::is_tuple>(std::move(initiation));
  } else if constexpr (kind::is_awaitable) {
    pending<Initiation, kind::is_tuple> operation(std::move(initiation));
    if constexpr (kind::is_tuple) {
      return await_operation_as_tuple<typename kind::executor_type>(std::move(operation));
    } else {
      return await_operation<typename kind::executor_type>(std::move(operation));
    }
  } else {
    return boost::asio::async_initiate<CompletionToken, typename Initiation::signature>(std::move(initiation), token);
  }
}

}  // namespace holdfast::sync::detail

/// As for Asio's own deferred operations, so that `operation | deferred(...)` works.
template <class Initiation, class Signature, bool as_tuple>
struct boost::asio::is_deferred<holdfast::sync::detail::pending_operation<Initiation, Signature, as_tuple>>
    : boost::asio::true_type {};

/// The handler's executor, allocator and slot are those of the handler behind it.
template <template <class, class> class Associator, class Handler, class Default>
struct boost::asio::associator<Associator, holdfast::sync::detail::tuple_handler<Handler>, Default>
    : Associator<Handler, Default> {
  static auto get(holdfast::sync::detail::tuple_handler<Handler> const& h) noexcept {
    return Associator<Handler, Default>::get(h.handler);
  }
  static auto get(holdfast::sync::detail::tuple_handler<Handler> const& h, Default const& otherwise) noexcept {
    return Associator<Handler, Default>::get(h.handler, otherwise);
  }
};
