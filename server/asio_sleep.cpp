#include "server/asio_sleep.hpp"

#if HOLDFAST_HAS_ASIO_SLEEP

#include <boost/asio/detail/epoll_reactor.hpp>
#include <boost/asio/detail/scheduler.hpp>
#include <boost/asio/detail/scheduler_thread_info.hpp>
#include <utility>

namespace holdfast::server {
namespace {

namespace asio_detail = boost::asio::detail;
using asio_detail::epoll_reactor;
using asio_detail::scheduler;

// An explicit instantiation may name private members ([temp.spec.general]); each tag's friend hands one out.
template <class Tag, auto pointer>
struct exposed {
  friend constexpr auto member_of(Tag) { return pointer; }
};
struct mutex_tag {
  friend constexpr auto member_of(mutex_tag);
};
struct queue_tag {
  friend constexpr auto member_of(queue_tag);
};
struct reactor_turn_tag {
  friend constexpr auto member_of(reactor_turn_tag);
};
struct interrupted_tag {
  friend constexpr auto member_of(interrupted_tag);
};
struct stopped_tag {
  friend constexpr auto member_of(stopped_tag);
};
struct descriptor_tag {
  friend constexpr auto member_of(descriptor_tag);
};
template struct exposed<mutex_tag, &scheduler::mutex_>;
template struct exposed<queue_tag, &scheduler::op_queue_>;
template struct exposed<reactor_turn_tag, &scheduler::task_operation_>;
template struct exposed<interrupted_tag, &scheduler::task_interrupted_>;
template struct exposed<stopped_tag, &scheduler::stopped_>;
template struct exposed<descriptor_tag, &epoll_reactor::epoll_fd_>;

using scheduler_lock = asio_detail::conditionally_enabled_mutex::scoped_lock;

/// What this thread has posted to the scheduler itself.
struct posted_here : asio_detail::thread_context {
  static asio_detail::scheduler_thread_info& of(scheduler& scheduler) {
    return static_cast<asio_detail::scheduler_thread_info&>(*thread_call_stack::contains(&scheduler));
  }
};

}  // namespace

asio_sleep::asio_sleep(boost::asio::io_context& io)
    : scheduler_(boost::asio::use_service<scheduler>(io)), reactor_(boost::asio::use_service<epoll_reactor>(io)) {
  reactor_.init_task();
}

int asio_sleep::descriptor() const noexcept {
  return reactor_.*member_of(descriptor_tag());
}

bool asio_sleep::begin() {
  if (!posted_here::of(scheduler_).private_op_queue.empty()) return false;
  scheduler_lock const lock(scheduler_.*member_of(mutex_tag()));
  // The queue must hold the reactor's turn and nothing else.
  auto& queue = scheduler_.*member_of(queue_tag());
  auto* const turn = &(scheduler_.*member_of(reactor_turn_tag()));
  if (queue.front() != turn || asio_detail::op_queue_access::back(queue) != turn) return false;
  if (scheduler_.*member_of(stopped_tag())) return false;
  scheduler_.*member_of(interrupted_tag()) = false;
  return true;
}

void asio_sleep::end() {
  scheduler_lock const lock(scheduler_.*member_of(mutex_tag()));
  scheduler_.*member_of(interrupted_tag()) = true;
}

void asio_sleep::before_poll() {
  for (auto count = std::exchange(posted_here::of(scheduler_).private_outstanding_work, 0); count > 0; --count)
    scheduler_.work_started();
}

}  // namespace holdfast::server

#endif
