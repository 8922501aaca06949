#pragma once

#include <memory>

#include "server/api/api_context.hpp"
#include "server/http/request_handler.hpp"
#include "server/insight/lock_recorder.hpp"
#include "server/store/watch_hub.hpp"

namespace holdfast::server {

/// Serves all resources of the server. All arguments must outlive it. @param recorder, hub of the calling thread.
[[nodiscard]] std::unique_ptr<request_handler> make_api_handler(api_context const& context, lock_recorder& recorder,
                                                                watch_hub& hub);

}  // namespace holdfast::server
