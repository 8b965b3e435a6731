#include "core/io/plan_versions_json.h"

#include "core/io/plan_layers_json.h"

#include <cmath>

namespace halfstep {

namespace {

using Json = nlohmann::ordered_json;

Json optionalNumber(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json figureToJson(const PlanFigure& figure) {
  return {{"metric", figure.metric},
          {"value", figure.value},
          {"low", optionalNumber(figure.low)},
          {"high", optionalNumber(figure.high)}};
}

Json versionToJson(const PlanVersion& version) {
  Json json = {{"name", version.name}};
  if (!version.date.empty()) {
    json["date"] = version.date;
  }
  if (!version.note.empty()) {
    json["note"] = version.note;
  }
  json["default"] = layerPlanToJson(version.fallback);
  json["layers"] = layersToJson(version.layers);
  if (version.bytes) {
    json["bytes"] = *version.bytes;
  }
  if (version.measured) {
    json["measured"] = planFiguresToJson(*version.measured);
  }
  return json;
}

/// Reads the members of one JSON object; the first fault stays.
class Members {
public:
  Members(const Json& json, std::string where)
      : m_json(json)
      , m_where(std::move(where)) {
    if (!json.is_object()) {
      m_fault = damaged("expected an object", m_where);
    }
  }

  void read(const char* key, std::string& target) {
    if (const Json* value = find(key); value != nullptr) {
      value->is_string() ? void(target = value->get<std::string>()) : fail(key, "must be text");
    }
  }
  void read(const char* key, bool& target) {
    if (const Json* value = find(key); value != nullptr) {
      value->is_boolean() ? void(target = value->get<bool>()) : fail(key, "must be true or false");
    }
  }
  template <class Count>
  void readCount(const char* key, Count& target) {
    if (const Json* value = find(key); value != nullptr) {
      value->is_number_unsigned() ? void(target = value->get<std::uint64_t>())
                                  : fail(key, "must be a whole number of at least 0");
    }
  }
  template <class Number>
  void readNumber(const char* key, Number& target) {
    if (const Json* value = find(key); value != nullptr) {
      value->is_number() ? void(target = value->get<double>()) : fail(key, "must be a number");
    }
  }
  /// Null where there is none; JSON's null is none.
  const Json* find(const char* key) const {
    const auto found = m_fault ? m_json.end() : m_json.find(key);
    return found == m_json.end() || found->is_null() ? nullptr : &*found;
  }
  void fail(const char* key, const std::string& what) {
    m_fault = m_fault ? m_fault : damaged("\"" + std::string(key) + "\" " + what, m_where);
  }
  Result<void> done() const { return m_fault ? Result<void>(*m_fault) : Result<void>(); }

private:
  const Json& m_json;
  std::string m_where;
  std::optional<Error> m_fault;
};

Result<PlanFigure> figureFrom(const Json& json, const std::string& where) {
  PlanFigure figure;
  figure.value = std::nan("");
  Members members(json, where);
  members.read("metric", figure.metric);
  members.readNumber("value", figure.value);
  members.readNumber("low", figure.low);
  members.readNumber("high", figure.high);
  if (figure.metric.empty() || std::isnan(figure.value)) {
    members.fail("metric", "and \"value\" make a figure; one is missing");
  }
  HALFSTEP_CHECK(members.done());
  return figure;
}

Result<PlanFigures> figuresFrom(const Json& json, const std::string& where) {
  PlanFigures figures;
  Members members(json, where);
  members.read("data", figures.data);
  members.read("synthetic", figures.synthetic);
  members.readCount("samples", figures.samples);
  HALFSTEP_CHECK(members.done());
  if (const Json* damage = members.find("damage"); damage != nullptr) {
    HALFSTEP_TRY(figures.damage, figureFrom(*damage, where + ", damage"));
  }
  if (const Json* list = members.find("figures"); list != nullptr) {
    if (!list->is_array()) {
      return damaged("expected a list of figures", where);
    }
    for (const Json& one : *list) {
      HALFSTEP_TRY(PlanFigure figure, figureFrom(one, where + ", figures"));
      figures.figures.push_back(std::move(figure));
    }
  }
  return figures;
}

Result<PlanVersion> versionFrom(const Json& json, const std::string& number) {
  PlanVersion version;
  Members members(json, "version " + number);
  members.read("name", version.name);
  members.read("date", version.date);
  members.read("note", version.note);
  members.readCount("bytes", version.bytes);
  HALFSTEP_CHECK(members.done());
  const std::string where = "version " + (version.name.empty() ? number : version.name);
  if (const Json* fallback = members.find("default"); fallback != nullptr) {
    HALFSTEP_TRY(version.fallback, layerPlanFromJson(*fallback, where + ", default"));
  }
  if (const Json* layers = members.find("layers"); layers != nullptr) {
    HALFSTEP_TRY(version.layers, layersFromJson(*layers, where));
  }
  if (const Json* measured = members.find("measured"); measured != nullptr) {
    HALFSTEP_TRY(version.measured, figuresFrom(*measured, where + ", measured"));
  }
  return version;
}

} // namespace

Json planFiguresToJson(const PlanFigures& figures) {
  Json json = {{"data", figures.data},
               {"synthetic", figures.synthetic},
               {"samples", figures.samples},
               {"damage", figures.damage ? figureToJson(*figures.damage) : Json(nullptr)},
               {"figures", Json::array()}};
  for (const PlanFigure& figure : figures.figures) {
    json["figures"].push_back(figureToJson(figure));
  }
  return json;
}

Json versionsToJson(const std::vector<PlanVersion>& versions) {
  Json json = Json::array();
  for (const PlanVersion& version : versions) {
    json.push_back(versionToJson(version));
  }
  return json;
}

Result<std::vector<PlanVersion>> versionsFromJson(const Json& json) {
  if (!json.is_array()) {
    return damaged("expected a list of versions", "versions");
  }
  std::vector<PlanVersion> versions;
  for (const Json& one : json) {
    const std::string number = std::to_string(versions.size() + 1);
    HALFSTEP_TRY(PlanVersion version, versionFrom(one, number));
    if (auto named = checkVersionName(versions, version.name); !named) {
      return damaged(named.error().what, "version " + number);
    }
    versions.push_back(std::move(version));
  }
  return versions;
}

} // namespace halfstep
