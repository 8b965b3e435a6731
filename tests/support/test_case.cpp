#include "tests/support/test_case.h"
#include "tests/support/paths.h"

namespace halfstep::test {

QString sharedModels() {
  const QString folder =
      qEnvironmentVariable("HALFSTEP_MODELS", QStringLiteral(HALFSTEP_SOURCE_DIR "/../shared/models"));
  return QFile::exists(folder) ? folder : QString();
}

} // namespace halfstep::test
