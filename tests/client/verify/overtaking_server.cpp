#include "tests/client/verify/overtaking_server.hpp"

#include <chrono>
#include <thread>

#include "tests/client/load/sound_server.hpp"

namespace holdfast::tests {
namespace {

using clock = std::chrono::steady_clock;

constexpr auto hold = std::chrono::milliseconds(20);

std::string in_ms(clock::duration duration) {
  return std::to_string(std::chrono::duration<double, std::milli>(duration).count());
}

}  // namespace

scripted_answer overtaking_server::answer(scripted_server::request const& request) {
  auto const asked = clock::now();
  std::unique_lock guard(mutex_);
  auto& value = values_[key_of(request)];
  if (asks(request, "PUT")) value = request.text.substr(request.text.find("\r\n\r\n") + 4);
  if (!asks(request, "GET")) return sound(request);
  auto const place = ++places_;
  waiting_.push_back(place);
  freed_.wait(guard, [&] { return !taken_ && waiting_.back() == place; });
  waiting_.pop_back();
  taken_ = true;
  guard.unlock();
  auto const granted = clock::now();
  std::this_thread::sleep_for(hold);
  guard.lock();
  taken_ = false;
  freed_.notify_all();
  auto const released = clock::now();
  return {.bytes = sound_answer("200 OK",
                                "Content-Type: application/json\r\nServer-Timing: wait;dur=" + in_ms(granted - asked) +
                                    ", hold;dur=" + in_ms(released - granted) + "\r\n",
                                value)};
}

}  // namespace holdfast::tests
