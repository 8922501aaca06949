#include "server/app/standby_handler.hpp"

#include <utility>

#include "server/api/answers.hpp"
#include "server/api/routes.hpp"

namespace holdfast::server {
namespace {

bool is_of_the_server(request_head const& head) {
  switch (kind_of(head)) {
    case route_kind::livez:
    case route_kind::readyz:
    case route_kind::version:
    case route_kind::metrics:
    case route_kind::openapi:
    case route_kind::page:
    case route_kind::other:
      return true;
    default:
      return false;
  }
}

class standby_handler final : public request_handler {
 public:
  explicit standby_handler(std::unique_ptr<request_handler> local) : local_(std::move(local)) {}

  request_need begin(request_head const& head, peer_address const& client, reply& answer) override {
    if (is_of_the_server(head)) return local_->begin(head, client, answer);
    answer = no_leader_reply(false);
    return request_need::nothing;
  }
  [[nodiscard]] std::size_t body_bytes_max() const override { return local_->body_bytes_max(); }
  request_need finish(std::string&& body, reply& answer) override { return local_->finish(std::move(body), answer); }
  awaitable<request_end> run(client_link& client, reply& answer) override { return local_->run(client, answer); }
  void count(answered_request const& done) override { local_->count(done); }

 private:
  std::unique_ptr<request_handler> const local_;
};

}  // namespace

std::unique_ptr<request_handler> make_standby_handler(std::unique_ptr<request_handler> local) {
  return std::make_unique<standby_handler>(std::move(local));
}

}  // namespace holdfast::server
