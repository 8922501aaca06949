#pragma once

#include <boost/asio/detail/config.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/version.hpp>

// The versions of Asio whose insides are known here.
#if BOOST_VERSION == 108100 && defined(BOOST_ASIO_HAS_EPOLL) && !defined(BOOST_ASIO_HAS_IO_URING_AS_DEFAULT)
#define HOLDFAST_HAS_ASIO_SLEEP 1
#else
#define HOLDFAST_HAS_ASIO_SLEEP 0
#endif

namespace boost::asio::detail {
class scheduler;
class epoll_reactor;
}  // namespace boost::asio::detail

namespace holdfast::server {

/// Lets the thread that runs an io_context sleep elsewhere than in the io_context's own reactor, and be woken for it.
/// For use within one of its handlers, on that thread.
///
/// Asio has no such interface: a thread that isn't asleep in the reactor is not woken when another posts, since it is
/// taken to be running. So this does what scheduler::do_run_one() does around the reactor's wait: under the scheduler's
/// mutex it makes sure that nothing is queued, and says that the reactor must be interrupted from now on. The reactor's
/// epoll descriptor then becomes readable for whatever the io_context must be polled. Defined where
/// HOLDFAST_HAS_ASIO_SLEEP is 1.
class asio_sleep {
 public:
  explicit asio_sleep(boost::asio::io_context& io);

  /// Readable when the io_context must be polled. Belongs to it.
  [[nodiscard]] int descriptor() const noexcept;

  /// From now on whatever the io_context gets to do makes the descriptor readable.
  /// @return false where it has something to do already, or is stopped; then nothing has begun.
  [[nodiscard]] bool begin();

  /// The sleep is over.
  void end();

  /// To be called before io_context::poll() within a handler: what was posted on this thread counts as work from now
  /// on. (Asio counts it when the handler returns, and meanwhile might find that no work is left, and stop.)
  void before_poll();

 private:
  boost::asio::detail::scheduler& scheduler_;
  boost::asio::detail::epoll_reactor& reactor_;
};

}  // namespace holdfast::server
