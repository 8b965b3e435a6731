#include "core/exec/operator_families.h"
