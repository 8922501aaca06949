#include "client/load/verify/timeline.hpp"

#include <gtest/gtest.h>

namespace holdfast::client::verify {
namespace {

constexpr instant us = 1000;

counter_example showing(value_number initial, std::vector<operation> operations) {
  return {.kind = violation::contradiction, .shown = {initial, std::move(operations)}};
}

TEST(timeline, draws_a_lane_for_each_connection_to_scale) {
  EXPECT_EQ(draw(showing(70, {{action::write, 81, 5000 * us, 5300 * us, 12},
                              {action::read, 70, 5400 * us, 5900 * us, 3},
                              {action::read, 81, 5500 * us, 6000 * us, 12}})),
            R"(  connection 3                               |----------------B-----------------|
  connection 12  |---------A---------|               |----------------C-----------------|
                 0                                                                1.00 ms

  A  0 ns to 300 us     put v1
  B  400 us to 900 us   got v0
  C  500 us to 1.00 ms  got v1
  v0 is what the key had before.
)");
}

TEST(timeline, shows_what_was_never_answered_as_open) {
  EXPECT_EQ(draw(showing(absent, {{action::write, 5, 0, never, 1},
                                  {action::erase, absent, 10 * us, never, 2},
                                  {action::read, 5, 50 * us, 100 * us, 3}})),
            R"(  connection 1  |..................................A...................................>
  connection 2         |...............................B...............................>
  connection 3                                      |----------------C-----------------|
                0                                                                 100 us

  A  0 ns to ?          put v1, never answered
  B  10.0 us to ?       asked to delete, never answered
  C  50.0 us to 100 us  got v1
  The key had no value before.
)");
}

TEST(timeline, gives_a_connection_more_lanes_when_it_pipelines) {
  EXPECT_EQ(draw(showing(0, {{action::create, 5, 0, 60 * us, 1},
                             {action::replace, 6, 10 * us, 70 * us, 1},
                             {action::remove, absent, 80 * us, 100 * us, 1},
                             {action::read, absent, 81 * us, 100 * us, 1}})),
            R"(  connection 1  |--------------------A--------------------|              |------C------|
                       |--------------------B--------------------|        |-----D------|
                0                                                                 100 us

  A  0 ns to 60.0 us     put v1, there was no value before (201)
  B  10.0 us to 70.0 us  put v2, there was a value before (204)
  C  80.0 us to 100 us   deleted, there was a value before (204)
  D  81.0 us to 100 us   found no value
  v0 is what the key had before.
)");
}

}  // namespace
}  // namespace holdfast::client::verify
