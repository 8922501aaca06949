#pragma once

#include <memory>
#include <string>

#include "server/forward/cluster_secret.hpp"
#include "server/http/request_handler.hpp"

namespace holdfast::server {

/// Appends the field by which a standby reports its client's address to the leader:
/// `Holdfast-Forwarded-For: SECRET ADDRESS`. Appends nothing while the secret is not known.
void append_forwarded_client(std::string& to, cluster_secret const& secret, peer_address const& client);

/// Serves the requests of a leader with `inner`. For a request with such a field and the right secret, the client is
/// the one that the standby reports; otherwise it is the peer of the connection. The secret must outlive the handler.
[[nodiscard]] std::unique_ptr<request_handler> make_handler_of_forwarded_clients(std::unique_ptr<request_handler> inner,
                                                                                 cluster_secret const& secret);

}  // namespace holdfast::server
