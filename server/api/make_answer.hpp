#pragma once

#include <cstdint>

#include "server/api/requests.hpp"
#include "server/http/reply.hpp"
#include "server/store/store.hpp"

namespace holdfast::server {

/// Makes the answer to a request whose operation has run, or has not. @param start distinguishes this process's request
/// ids from another's. @param answer a new one.
void make_answer(data_request const& request, execution&& done, std::uint64_t database_id, std::uint64_t start,
                 reply& answer);

}  // namespace holdfast::server
