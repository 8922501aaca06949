// Compiled by same_code.py: every way to acquire and release a mutex.
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <holdfast/sync/mutex.hpp>

namespace asio = boost::asio;

#ifdef INSTRUMENTED
struct policy {
  using identity = int;
};
using mutex = holdfast::sync::basic_mutex<policy>;
#else
using mutex = holdfast::sync::mutex;
#endif

bool lock_and_unlock(mutex& m) {
  return m.try_lock().owns_lock();
}
bool spin_and_unlock(mutex& m) {
  return m.try_lock_spinning().owns_lock();
}
void wait_for_it(mutex& m, asio::io_context& context) {
  m.async_lock(asio::bind_executor(context, [](boost::system::error_code, mutex::lock) {}));
}
void wait_until(mutex& m, asio::io_context& context, std::chrono::steady_clock::time_point deadline) {
  m.async_lock_until(deadline, asio::bind_executor(context, [](boost::system::error_code, mutex::lock) {}));
}
void run_in_it(mutex& m, asio::io_context& context, int& counter) {
  m.async_run([&counter] { ++counter; }, asio::bind_executor(context, [](std::exception_ptr) {}));
}
void run_in_it_until(mutex& m, asio::io_context& context, int& counter,
                     std::chrono::steady_clock::time_point deadline) {
  m.async_run_until(deadline, [&counter] { ++counter; }, asio::bind_executor(context, [](std::exception_ptr) {}));
}
void destroy(mutex* m) {
  delete m;
}
