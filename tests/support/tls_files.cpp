#include "tests/support/tls_files.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace holdfast::tests {
namespace {

using key_pointer = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using certificate_pointer = std::unique_ptr<X509, decltype(&X509_free)>;

void require(bool done) {
  if (!done) throw std::runtime_error("OpenSSL can't make a certificate");
}

key_pointer new_key() {
  return {EVP_EC_gen("P-256"), EVP_PKEY_free};
}

template <class Write>
std::string text_of(Write write) {
  std::unique_ptr<BIO, decltype(&BIO_free)> const memory(BIO_new(BIO_s_mem()), BIO_free);
  require(write(memory.get()) == 1);
  char* bytes = nullptr;
  auto const length = BIO_get_mem_data(memory.get(), &bytes);
  return {bytes, static_cast<std::size_t>(length)};
}

std::string text_of(X509* certificate) {
  return text_of([&](BIO* to) { return PEM_write_bio_X509(to, certificate); });
}

void add_extension(X509* to, X509* issuer, int which, std::string const& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  auto* const extension = X509V3_EXT_conf_nid(nullptr, &context, which, value.c_str());
  require(extension != nullptr && X509_add_ext(to, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

/// A certificate without extensions and signature.
certificate_pointer draft(std::string const& name, EVP_PKEY* key, long serial, long expires_in) {
  certificate_pointer made(X509_new(), X509_free);
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -24L * 3600);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), expires_in);
  X509_set_pubkey(made.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<unsigned char const*>(name.c_str()), -1, -1, 0);
  return made;
}

}  // namespace

class tls_files::authority_keys {
 public:
  key_pointer key = new_key();
  certificate_pointer certificate = draft("test authority", key.get(), 1, 24L * 3600);
};

tls_files::tls_files() : keys_(std::make_unique<authority_keys>()) {
  auto pattern = (std::filesystem::temp_directory_path() / "holdfast-tls-XXXXXX").string();
  require(::mkdtemp(pattern.data()) != nullptr);
  directory_ = pattern;
  auto* const certificate = keys_->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate, certificate, NID_subject_key_identifier, "hash");
  require(X509_sign(certificate, keys_->key.get(), EVP_sha256()) != 0);
  write("authority.pem", text_of(certificate));
}

tls_files::~tls_files() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string tls_files::content_of(std::string const& file) const {
  std::ostringstream text;
  text << std::ifstream(path(file)).rdbuf();
  return text.str();
}

void tls_files::write(std::string const& file, std::string const& text) const {
  auto const beside = path(file + ".new");
  std::ofstream(beside) << text;
  std::filesystem::rename(beside, path(file));
}

tls_files::identity tls_files::issue(std::string const& name, std::string const& names,
                                     std::chrono::seconds expires_in) {
  auto const key = new_key();
  auto const made = draft(name, key.get(), ++last_serial_, static_cast<long>(expires_in.count()));
  auto* const issuer = keys_->certificate.get();
  X509_set_issuer_name(made.get(), X509_get_subject_name(issuer));
  add_extension(made.get(), issuer, NID_subject_alt_name, names);
  add_extension(made.get(), issuer, NID_authority_key_identifier, "keyid");
  require(X509_sign(made.get(), keys_->key.get(), EVP_sha256()) != 0);
  write(name + ".pem", text_of(made.get()));
  write(name + ".key", text_of([&](BIO* to) {
          return PEM_write_bio_PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
        }));
  return {path(name + ".pem"), path(name + ".key")};
}

}  // namespace holdfast::tests
