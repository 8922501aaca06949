#include "server/store/live_settings.hpp"

namespace holdfast::server {

void live_settings::change(std::optional<nanoseconds> read_hold, std::optional<nanoseconds> writer_period) {
  {
    std::scoped_lock const guard(changing_);
    if (read_hold) read_hold_.store(*read_hold, std::memory_order_relaxed);
    if (writer_period) writer_period_.store(*writer_period, std::memory_order_relaxed);
    version_.fetch_add(1, std::memory_order_release);
  }
  if (on_change_) on_change_();
}

}  // namespace holdfast::server
