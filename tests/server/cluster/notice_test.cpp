#include "server/cluster/notice.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;

class contact_with_etcd : public testing::Test {
 protected:
  void fails(std::string const& reason) { contact.failed(reason, now); }
  std::vector<std::string> said() { return std::exchange(said_, {}); }

  etcd_contact::clock::time_point now{1h};
  etcd_contact contact{[this](notice const& one) {
    said_.push_back(one.what == notice::kind::etcd_fails ? one.text : std::string("answers"));
  }};

 private:
  std::vector<std::string> said_;
};

using reasons = std::vector<std::string>;

TEST_F(contact_with_etcd, is_said_to_be_lost_once_for_each_reason_and_again_after_a_minute) {
  for (auto i = 0; i < 59; ++i) {
    // Two endpoints that are tried in turn.
    fails("a: refused");
    fails("b: no answer");
    now += 1s;
  }
  EXPECT_EQ(said(), (reasons{"a: refused", "b: no answer"}));
  now += 1s;
  fails("a: refused");
  fails("a: refused");
  EXPECT_EQ(said(), (reasons{"a: refused"}));
}

TEST_F(contact_with_etcd, is_said_to_be_back_once_and_lost_again_at_once) {
  contact.answered();
  EXPECT_TRUE(said().empty()) << "it was never lost";
  fails("a: refused");
  contact.answered();
  contact.answered();
  fails("a: refused");
  EXPECT_EQ(said(), (reasons{"a: refused", "answers", "a: refused"}));
}

TEST_F(contact_with_etcd, remembers_a_few_reasons_only) {
  for (auto i = 0; i < 1000; ++i) fails(std::to_string(i));
  EXPECT_EQ(said().size(), 1000U);
  fails("999");
  EXPECT_TRUE(said().empty());
}

}  // namespace
}  // namespace holdfast::server
