// A Qt plug-in for another program. Its code must not run: the constructor of its static object ends the
// test.
#include <QObject>
#include <QtPlugin>

#include <cstdlib>

namespace {
struct Tripwire {
  Tripwire() { std::abort(); }
} tripwire;
} // namespace

class ForeignPlugin : public QObject {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID "org.example.Unrelated" FILE "foreign_plugin.json")
};

#include "foreign_plugin.moc"
