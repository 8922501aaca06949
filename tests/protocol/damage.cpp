#include "tests/protocol/damage.hpp"

#include <utility>

namespace holdfast::protocol {

using namespace std::literals;

namespace {

std::vector<std::string> const samples{
    "GET /v1/kv/my-key?hold=1s&lock-timeout=0 HTTP/1.1\r\nHost: a:80\r\nIf-None-Match: \"3f-17\", W/\"a\"\r\n\r\n",
    "PUT http://[::1]:80/v1/kv/a%2Fb HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\nExpect: 100-continue\r\n\r\n\"hello\"",
    "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"b\\\"c\"\r\n[\r\n2\r\n1]\r\n0\r\nX:7\r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
    "DELETE /v1/kv/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Encoding: identity\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\nHEAD /v1/kv/a HTTP/1.1\r\nHost: a\r\n\r\n",
};

}  // namespace

std::vector<std::string> const& sample_requests() {
  return samples;
}

std::string damaged(std::string text, std::mt19937& random) {
  return damaged(std::move(text), random, "\r\n\0\t :;,=\"\\%*/?#0159afAF[]@\x7F\x80\xC2\xFF"sv, samples);
}

std::string damaged(std::string text, std::mt19937& random, std::string_view nasty,
                    std::vector<std::string> const& mixed_in) {
  auto const at = [&](std::size_t size) { return static_cast<std::size_t>(random()) % size; };
  for (auto times = at(4); times != 0 && !text.empty(); --times) {
    auto const place = at(text.size());
    switch (at(7)) {
      case 0:
        text[place] = nasty[at(nasty.size())];
        break;
      case 1:
        text.insert(place, 1, nasty[at(nasty.size())]);
        break;
      case 2:
        text.erase(place, 1 + at(3));
        break;
      case 3:
        text[place] = static_cast<char>(random());
        break;
      case 4:
        text.insert(place, text.substr(at(text.size()), at(40)));
        break;
      case 5: {  // one line twice
        auto const begin = text.rfind('\n', place) + 1;
        text.insert(begin, text.substr(begin, text.find('\n', place) - begin + 1));
        break;
      }
      default: {
        auto const& other = mixed_in[at(mixed_in.size())];
        text.replace(place, at(20), other.substr(at(other.size()), at(60)));
      }
    }
  }
  return text;
}

}  // namespace holdfast::protocol
