#include "protocol/json_scanner.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "tests/protocol/damage.hpp"

namespace holdfast::protocol {
namespace {

using namespace std::literals;

std::vector<std::string> const samples{
    "null",
    "[true,false,null,0,-0,10850,-1.5e-3,1E+2,18446744073709551616]",
    "{\"name\":\"hello-world\"}",
    " \t\r\n{\"a\" : [1, [2, {}], []] , \"b\":{\"\":\"\"}} \n",
    R"("\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00 plain")",
    R"(["\ud83d","\ude00\ud83d",1e400,-0.0E-999999999999])",
    "[\"ä€😀\",\"\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF\"]",
    "[\"sixteen bytes of text and more of them ä\",\"\\u0000 escaped behind sixteen bytes \\\\\"]",
};

/// Whether the other parser says so, also if it can't hold it.
bool is_number(std::string const& text) {
  try {
    return nlohmann::json::parse(text).is_number();
  } catch (nlohmann::json::out_of_range const&) {
    return true;
  } catch (nlohmann::json::parse_error const&) {
    return false;
  }
}

/// Writes a text again, its numbers as 0 and its escapes of surrogates as \u0041: the other parser refuses numbers
/// beyond a double and half a pair.
struct tamed_text {
  void open(char const* at) { add(at, at); }
  void close(char const* end) { add(end, end); }
  void name(char const* begin, char const* end) { add_string(begin, end); }
  void scalar(char const* begin, char const* end) {
    if (*begin == '"') return add_string(begin, end);
    add(begin, begin);
    if (*begin != '-' && (*begin < '0' || *begin > '9')) return add(begin, end);
    EXPECT_TRUE(is_number(std::string(begin, end))) << std::string(begin, end);
    text += '0';
    done = end;
  }
  void add_string(char const* begin, char const* end) {
    add(begin, begin);
    std::string string(begin, end);
    for (std::size_t i = 0; i + 1 < string.size(); ++i) {
      if (string[i] != '\\') continue;
      ++i;
      if (string[i] == 'u' && std::tolower(string[i + 1]) == 'd' && std::tolower(string[i + 2]) >= '8')
        string.replace(i + 1, 4, "0041");
    }
    text += string;
    done = end;
  }
  void add(char const* until, char const* end) {
    text.append(done, until);
    text.append(until, end);
    done = end;
  }

  char const* done;
  std::string text = {};
};

/// What the other parser says. It takes a NUL for the end, and skips a byte order mark.
bool is_json(std::string const& text) {
  return nlohmann::json::accept(text) && text.find('\0') == std::string::npos && !text.starts_with("\xEF\xBB\xBF");
}

// Two parsers are two opinions. What ours takes nobody else looks at, and what it refuses nobody can store.
TEST(scan_json, agrees_with_another_parser_but_for_numbers_and_surrogates) {
  constexpr auto nasty =
      "{}[]\",:\\/ \t\n\r\0utbfnrlaeE+-.0123456789dD8\x01\x1F\x7F\x80\xBF\xC0\xC2\xE0\xED\xEF\xBB\xF0\xF4\xFF"sv;
  std::mt19937 random(20'261'126);
  int taken = 0, refused = 0;
  for (int round = 0; round < 100'000; ++round) {
    auto const text = damaged(samples[random() % samples.size()], random, nasty, samples);
    tamed_text tamed{text.data()};
    auto const fault = scan_json(text, tamed);
    if (fault.problem == json_problem::none) {
      ++taken;
      tamed.add(text.data() + text.size(), text.data() + text.size());
      ASSERT_TRUE(is_json(tamed.text)) << text << " tamed: " << tamed.text;
    } else {
      ++refused;
      ASSERT_LE(fault.position, text.size());
      ASSERT_FALSE(is_json(text)) << text;
      ASSERT_FALSE(json_failure(text, fault).detail.empty());
    }
  }
  EXPECT_GT(taken, 10'000) << "most damage should do harm, and much of it none";
  EXPECT_GT(refused, 10'000);
}

TEST(scan_json, takes_whatever_people_send) {
  for (auto const& text : samples) EXPECT_TRUE(check_json(text)) << text;
  std::string large = "[";
  for (int i = 0; i < 50'000; ++i) large += "{\"number\":" + std::to_string(i * 1.25) + "},";
  EXPECT_TRUE(check_json(large + "0]"));
}

// Plain text is skipped sixteen bytes at a time.
TEST(scan_json, sees_what_stands_at_each_place_of_a_string) {
  for (std::size_t length = 0; length < 50; ++length) {
    std::string const plain(length, 'a');
    EXPECT_TRUE(check_json('"' + plain + '"'));
    EXPECT_FALSE(check_json('"' + plain));
    for (std::size_t i = 0; i < length; ++i) {
      for (auto const bad : "\x00\x1F\x80\xFF\"\\"sv) {
        auto text = '"' + plain + '"';
        text[i + 1] = bad;
        auto const json = check_json(text);
        // A backslash before the quote escapes it.
        EXPECT_FALSE(json) << length << " " << i << " " << static_cast<int>(bad);
      }
      auto text = '"' + plain + '"';
      text[i + 1] = '\x7F';
      EXPECT_TRUE(check_json(text));
      text.replace(i + 1, 1, "é");
      EXPECT_TRUE(check_json(text));
      text.replace(i + 1, 2, "\\n");
      EXPECT_TRUE(check_json(text));
    }
  }
}

TEST(scan_json, checks_every_lead_and_second_byte_of_utf8) {
  for (int first = 0x80; first < 0x100; ++first) {
    for (int second = 0x80; second < 0xC0; ++second) {
      for (std::size_t size = 2; size <= 4; ++size) {
        std::string text = "\"";
        text += static_cast<char>(first);
        text += static_cast<char>(second);
        text += std::string(size - 2, '\xBF') + '"';
        EXPECT_EQ(check_json(text).has_value(), nlohmann::json::accept(text)) << first << " " << second << " " << size;
      }
    }
  }
}

}  // namespace
}  // namespace holdfast::protocol
