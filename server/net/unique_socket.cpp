#include "server/net/unique_socket.hpp"

#include <unistd.h>

namespace holdfast::server {

unique_socket::~unique_socket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace holdfast::server
