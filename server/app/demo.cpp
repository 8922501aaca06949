#include "server/app/demo.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <exception>
#include <iostream>

namespace holdfast::server {

void run_demo(unsigned rounds) {
  demo story(rounds, [](std::string_view line) { std::cout << line << std::endl; });
  event_loop loop;
  asio::co_spawn(loop.get_executor(), story.read(), [&loop](std::exception_ptr const& error) {
    loop.stop();
    if (error) std::rethrow_exception(error);
  });
  asio::co_spawn(loop.get_executor(), story.write(), asio::detached);
  loop.run();
  loop.shut_down();  // the writer refers to `story`, so the loop ends first
}

}  // namespace holdfast::server
