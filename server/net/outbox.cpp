#include "server/net/outbox.hpp"

#include <utility>

namespace holdfast::server {

void outbox::post(connection& to) {
  gathered_ += appended().size();
  letters_.push_back({&to, answers_.size()});
  posted_ = answers_.size();
}

void outbox::send_all() {
  while (next_ != letters_.size()) {
    auto const [to, end] = letters_[next_++];
    auto const begin = std::exchange(sent_, end);
    try {
      to->send(answers_.view().substr(begin, end - begin));
    } catch (...) {
      send_all();
      throw;
    }
  }
  letters_.clear();
  answers_.consume(answers_.size());
  next_ = sent_ = posted_ = gathered_ = 0;
}

}  // namespace holdfast::server
