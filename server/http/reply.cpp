#include "server/http/reply.hpp"

#include <cstring>
#include <ctime>
#include <stdexcept>
#include <string>

#include "protocol/text_writer.hpp"
#include "server/http/answer_gate.hpp"
#include "server/http/http_date.hpp"

namespace holdfast::server {

using namespace protocol;
namespace {

constexpr std::string_view retry_after_s = "1";

std::string_view status_line(unsigned status) {
  switch (status) {
    case 200:
      return "HTTP/1.1 200 OK\r\n";
    case 201:
      return "HTTP/1.1 201 Created\r\n";
    case 202:
      return "HTTP/1.1 202 Accepted\r\n";
    case 204:
      return "HTTP/1.1 204 No Content\r\n";
    case 304:
      return "HTTP/1.1 304 Not Modified\r\n";
    case 400:
      return "HTTP/1.1 400 Bad Request\r\n";
    case 401:
      return "HTTP/1.1 401 Unauthorized\r\n";
    case 403:
      return "HTTP/1.1 403 Forbidden\r\n";
    case 404:
      return "HTTP/1.1 404 Not Found\r\n";
    case 405:
      return "HTTP/1.1 405 Method Not Allowed\r\n";
    case 408:
      return "HTTP/1.1 408 Request Timeout\r\n";
    case 409:
      return "HTTP/1.1 409 Conflict\r\n";
    case 410:
      return "HTTP/1.1 410 Gone\r\n";
    case 412:
      return "HTTP/1.1 412 Precondition Failed\r\n";
    case 413:
      return "HTTP/1.1 413 Content Too Large\r\n";
    case 414:
      return "HTTP/1.1 414 URI Too Long\r\n";
    case 415:
      return "HTTP/1.1 415 Unsupported Media Type\r\n";
    case 417:
      return "HTTP/1.1 417 Expectation Failed\r\n";
    case 422:
      return "HTTP/1.1 422 Unprocessable Content\r\n";
    case 429:
      return "HTTP/1.1 429 Too Many Requests\r\n";
    case 431:
      return "HTTP/1.1 431 Request Header Fields Too Large\r\n";
    case 501:
      return "HTTP/1.1 501 Not Implemented\r\n";
    case 503:
      return "HTTP/1.1 503 Service Unavailable\r\n";
    case 505:
      return "HTTP/1.1 505 HTTP Version Not Supported\r\n";
    case 507:
      return "HTTP/1.1 507 Insufficient Storage\r\n";
    case 500:
      return "HTTP/1.1 500 Internal Server Error\r\n";
    default:
      throw std::logic_error("no status line for " + std::to_string(status));
  }
}

// --- a header's parts ----------------------------------------------------------------------------------------------

void write_always(text_writer& head) {
  head << "Date: " << http_date_now() << "\r\nX-Content-Type-Options: nosniff\r\n";
}

void write(text_writer& head, entity_tag const& tag) {
  head << "ETag: ";
  head.set_end(write_entity_tag(head.end(), tag));
  head << "\r\n";
}

void write(text_writer& head, lock_timing const& timing) {
  head << "Server-Timing: ";
  head.set_end(write_server_timing(head.end(), timing));
  head << "\r\n";
}

/// Written as the last field, which ends with answer_gate::timing_text, so that its position is known.
void write_withheld_timing(text_writer& head, std::optional<lock_timing> const& timing) {
  head << "Server-Timing: ";
  if (timing) {
    head.set_end(write_server_timing(head.end(), *timing));
    head << ", ";
  }
  head << answer_gate::timing_text << "\r\n";
}

void write(text_writer& head, request_id const& request) {
  head << "Holdfast-Request-Id: ";
  head.set_end(write_request_id(head.end(), request));
  head << "\r\n";
}

void write_length(text_writer& head, std::size_t content_bytes) {
  head << "Content-Length: " << content_bytes << "\r\n";
}

/// The beginning of the answer to a plain read, up to the revision in its tag: identical within a second.
struct value_answer_front {
  std::time_t second = -1;
  std::uint64_t start = 0;
  std::size_t length = 0;
  char text[192];

  void renew(std::time_t now, std::uint64_t new_start) {
    second = now;
    start = new_start;
    text_writer head(text);
    head << status_line(200);
    write_always(head);
    head << "Content-Type: application/json\r\nETag: \"";
    head.set_end(write_start(head.end(), start));
    head << "-";
    length = static_cast<std::size_t>(head.end() - text);
  }
};

void write_front(text_writer& head, std::uint64_t start) {
  thread_local constinit value_answer_front front{};
  if (auto const now = std::time(nullptr); now != front.second || start != front.start) front.renew(now, start);
  std::memcpy(head.end(), front.text, sizeof front.text);
  head.set_end(head.end() + front.length);
}

}  // namespace

reply reply_to(failure const& error) {
  reply answer;
  answer.status = traits_of(error.code).status;
  answer.content_type = "application/problem+json";
  answer.body = problem_json(error);
  return answer;
}

char* write_head_of_value(char* to, reply const& reply, reply_framing framing) {
  if (reply.status != 200 || !reply.value || !reply.tag || !reply.timing || framing.close || !framing.http11 ||
      !reply.allow.empty() || !reply.more_fields.empty() || !reply.location.empty() || reply.revision ||
      reply.is_withheld)
    return nullptr;
  text_writer head(to);
  write_front(head, reply.tag->start);
  head << reply.tag->revision << "\"\r\n";
  write(head, *reply.timing);
  if (reply.request) write(head, *reply.request);
  write_length(head, reply.value->size());
  head << "\r\n";
  return head.end();
}

std::size_t head_bytes_max(reply const& reply) {
  return plain_head_bytes_max + reply.location.size() + reply.more_fields.size();
}

char* write_head(char* to, reply const& reply, reply_framing framing) {
  text_writer head(to);
  head << status_line(reply.status);
  write_always(head);
  if (!reply.content_type.empty()) head << "Content-Type: " << reply.content_type << "\r\n";
  if (reply.tag) write(head, *reply.tag);
  if (reply.revision) head << "Holdfast-Revision: " << *reply.revision << "\r\n";
  if (!reply.allow.empty()) head << "Allow: " << reply.allow << "\r\n";
  if (reply.timing && !reply.is_withheld) write(head, *reply.timing);
  if (reply.request) write(head, *reply.request);
  if (reply.status == 503) head << "Retry-After: " << retry_after_s << "\r\n";
  // 204 and 304 end after the header and have no length (RFC 9110 §8.6; in a 304 it would be that of the 200).
  if (!reply.length_is_known) {
    if (framing.http11) head << "Transfer-Encoding: chunked\r\n";
  } else if (reply.status != 204 && reply.status != 304) {
    write_length(head, reply.content().size());
  }
  if (framing.close) {
    head << "Connection: close\r\n";
  } else if (!framing.http11) {
    head << "Connection: keep-alive\r\n";
  }
  head << reply.more_fields;
  if (!reply.location.empty()) head << "Location: " << reply.location << "\r\n";
  if (reply.is_withheld) write_withheld_timing(head, reply.timing);
  head << "\r\n";
  return head.end();
}

void append_head(std::string& out, reply const& reply, reply_framing framing) {
  auto const before = out.size();
  out.resize(before + head_bytes_max(reply));
  auto const* const end = write_head(out.data() + before, reply, framing);
  out.resize(static_cast<std::size_t>(end - out.data()));
}

}  // namespace holdfast::server
