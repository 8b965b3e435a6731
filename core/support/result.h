// A value or an Error, with the names of std::expected (which GCC 12 has in C++23 mode only).
#pragma once

#include "core/support/error.h"

#include <cassert>
#include <optional>
#include <utility>
#include <variant>

namespace halfstep {

template <class T>
class [[nodiscard]] Result {
public:
  using value_type = T;

  Result(T value)
      : m_state(std::in_place_index<0>, std::move(value)) {}
  Result(Error error)
      : m_state(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return m_state.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & {
    assert(has_value());
    return *std::get_if<0>(&m_state);
  }
  const T& value() const& {
    assert(has_value());
    return *std::get_if<0>(&m_state);
  }
  T&& value() && {
    assert(has_value());
    return std::move(*std::get_if<0>(&m_state));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  Error& error() {
    assert(!has_value());
    return *std::get_if<1>(&m_state);
  }
  const Error& error() const {
    assert(!has_value());
    return *std::get_if<1>(&m_state);
  }

private:
  std::variant<T, Error> m_state;
};

template <>
class [[nodiscard]] Result<void> {
public:
  using value_type = void;

  Result() = default;
  Result(Error error)
      : m_error(std::move(error)) {}

  bool has_value() const { return !m_error.has_value(); }
  explicit operator bool() const { return has_value(); }
  void value() const { assert(has_value()); }
  Error& error() { return *m_error; }
  const Error& error() const { return *m_error; }

private:
  std::optional<Error> m_error;
};

} // namespace halfstep

#define HALFSTEP_CONCAT2(a, b) a##b
#define HALFSTEP_CONCAT(a, b) HALFSTEP_CONCAT2(a, b)

/// `HALFSTEP_TRY(auto value, expression);` gives the value, or returns the error from this function.
#define HALFSTEP_TRY(declaration, expression)                                                                \
  auto HALFSTEP_CONCAT(tried, __LINE__) = (expression);                                                      \
  if (!HALFSTEP_CONCAT(tried, __LINE__).has_value())                                                         \
    return std::move(HALFSTEP_CONCAT(tried, __LINE__).error());                                              \
  declaration = std::move(HALFSTEP_CONCAT(tried, __LINE__)).value()

/// `HALFSTEP_CHECK(expression);` returns the error of a Result<void> from this function.
#define HALFSTEP_CHECK(expression)                                                                           \
  if (auto HALFSTEP_CONCAT(checked, __LINE__) = (expression);                                                \
      !HALFSTEP_CONCAT(checked, __LINE__).has_value())                                                       \
  return std::move(HALFSTEP_CONCAT(checked, __LINE__).error())
