#include "app/display.h"

#include <QLibrary>

namespace halfstep {

bool xDisplayOpens(const QByteArray& name) {
  struct Connection; // xcb_connection_t
  using Connect = Connection* (*)(const char* display, int* screen);
  using HasError = int (*)(Connection*);
  using Disconnect = void (*)(Connection*);
  // The library that Qt's own plug-in for X is linked with: where it is missing, Qt has something to say.
  QLibrary xcb(QStringLiteral("xcb"), 1);
  const auto connect = reinterpret_cast<Connect>(xcb.resolve("xcb_connect"));
  const auto hasError = reinterpret_cast<HasError>(xcb.resolve("xcb_connection_has_error"));
  const auto disconnect = reinterpret_cast<Disconnect>(xcb.resolve("xcb_disconnect"));
  if (connect == nullptr || hasError == nullptr || disconnect == nullptr) {
    return true;
  }
  Connection* const connection = connect(name.isEmpty() ? nullptr : name.constData(), nullptr);
  const bool opens = hasError(connection) == 0;
  disconnect(connection); // one with an error too
  return opens;
}

} // namespace halfstep
