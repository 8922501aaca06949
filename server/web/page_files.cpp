#include "server/web/page_files.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "server/web/embedded.hpp"

namespace holdfast::server {
namespace {

/// 64-bit FNV-1a: distinguishes builds of a file; not meant to resist attacks.
std::string tag_of(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (auto const byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  constexpr std::string_view digits = "0123456789abcdef";
  std::string tag = "\"";
  for (int shift = 60; shift >= 0; shift -= 4) tag += digits[(hash >> shift) & 15];
  return tag += '"';
}

struct tagged_files {
  std::vector<std::string> tags;
  std::vector<page_file> files;

  tagged_files() {
    page_file const all[] = {{"/", "text/html; charset=utf-8", web::page_html(), {}},
                             {"/assets/page.js", "text/javascript; charset=utf-8", web::page_js(), {}},
                             {"/assets/page.css", "text/css; charset=utf-8", web::page_css(), {}},
                             {"/assets/page.svg", "image/svg+xml", web::page_svg(), {}}};
    for (auto const& file : all) {
      if (!file.bytes.empty()) tags.push_back(tag_of(file.bytes));
    }
    for (auto const& file : all) {
      if (!file.bytes.empty()) files.push_back({file.path, file.content_type, file.bytes, tags[files.size()]});
    }
  }
};

}  // namespace

std::span<page_file const> page_files() {
  static tagged_files const served;
  return served.files;
}

}  // namespace holdfast::server
