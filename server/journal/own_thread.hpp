#pragma once

#include <pthread.h>
#include <signal.h>

#include <thread>
#include <utility>

namespace holdfast::server {

/// Starts a thread that blocks all signals: the server's main threads handle them.
/// @param name at most 15 characters.
template <class Function>
[[nodiscard]] std::thread start_thread(char const* name, Function&& what) {
  struct all_blocked {
    all_blocked() noexcept {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    ~all_blocked() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
    all_blocked(all_blocked const&) = delete;
    all_blocked& operator=(all_blocked const&) = delete;
    sigset_t before{};
  };
  all_blocked const during_the_start;
  std::thread started(std::forward<Function>(what));
  pthread_setname_np(started.native_handle(), name);
  return started;
}

}  // namespace holdfast::server
