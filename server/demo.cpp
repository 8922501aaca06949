#include "server/demo.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <exception>
#include <iostream>

namespace holdfast::server {

void run_demo(unsigned rounds) {
  demo<steady_timer> story(rounds, [](std::string_view line) { std::cout << line << std::endl; });
  asio::io_context io(1);
  asio::co_spawn(io, story.read(), [&io](std::exception_ptr const& error) {
    io.stop();
    if (error) std::rethrow_exception(error);
  });
  asio::co_spawn(io, story.write(), asio::detached);
  io.run();
}

}  // namespace holdfast::server
