#include "server/forward/forwarded_client.hpp"

#include <optional>
#include <string_view>
#include <utility>

namespace holdfast::server {
namespace {

class handler_of_forwarded_clients final : public request_handler {
 public:
  handler_of_forwarded_clients(std::unique_ptr<request_handler> inner, cluster_secret const& secret)
      : inner_(std::move(inner)), secret_(secret) {}

  request_need begin(request_head const& head, peer_address const& client, reply& answer) override {
    reported_ = head.forwarded_for.empty() ? std::nullopt : reported_in(head.forwarded_for);
    return inner_->begin(head, reported_ ? *reported_ : client, answer);
  }
  [[nodiscard]] std::size_t body_bytes_max() const override { return inner_->body_bytes_max(); }
  request_need finish(std::string&& body, reply& answer) override { return inner_->finish(std::move(body), answer); }
  awaitable<request_end> run(client_link& client, reply& answer) override { return inner_->run(client, answer); }
  void count(answered_request const& done) override {
    auto const reported = std::exchange(reported_, std::nullopt);
    inner_->count({.method = done.method,
                   .status = done.status,
                   .begun_at = done.begun_at,
                   .client = reported ? *reported : done.client,
                   .body_bytes = done.body_bytes,
                   .content_bytes = done.content_bytes});
  }

 private:
  [[nodiscard]] std::optional<peer_address> reported_in(std::string_view value) const {
    auto const space = value.find(' ');
    if (space == std::string_view::npos || !secret_.is(value.substr(0, space))) return std::nullopt;
    return read_peer_address(value.substr(space + 1));
  }

  std::unique_ptr<request_handler> const inner_;
  cluster_secret const& secret_;
  std::optional<peer_address> reported_;  // of the current request
};

}  // namespace

void append_forwarded_client(std::string& to, cluster_secret const& secret, peer_address const& client) {
  auto const text = secret.text();
  if (text.empty() || client.is == peer_address::kind::unknown) return;
  (((((to += "Holdfast-Forwarded-For: ") += text) += ' ') += to_string(client)) += "\r\n");
}

std::unique_ptr<request_handler> make_handler_of_forwarded_clients(std::unique_ptr<request_handler> inner,
                                                                   cluster_secret const& secret) {
  return std::make_unique<handler_of_forwarded_clients>(std::move(inner), secret);
}

}  // namespace holdfast::server
