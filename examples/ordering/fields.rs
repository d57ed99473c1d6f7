//! Reading JSON: scalars, and the fields of objects.

use serde_json::Value as Json;

pub(crate) fn text(json: &Json) -> Result<String, String> {
    json.as_str().map(str::to_owned).ok_or_else(|| format!("not a string: {json}"))
}

pub(crate) fn int(json: &Json) -> Result<i64, String> {
    json.as_i64().ok_or_else(|| format!("not an integer: {json}"))
}

pub(crate) fn code(json: &Json) -> Result<i32, String> {
    int(json)?.try_into().map_err(|_| format!("not an exit code: {json}"))
}

/// A list, item by item.
pub(crate) fn list<C: FromIterator<T>, T>(
    json: &Json,
    read: impl FnMut(&Json) -> Result<T, String>,
) -> Result<C, String> {
    json.as_array().ok_or_else(|| format!("not a list: {json}"))?.iter().map(read).collect()
}

/// The fields of an object, each to be taken once: what is left over is a mistake.
pub(crate) struct Fields<'a> {
    json: &'a Json,
    left: Vec<(&'a str, &'a Json)>,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(json: &'a Json) -> Result<Fields<'a>, String> {
        let fields = json.as_object().ok_or_else(|| format!("not an object: {json}"))?;
        let left = fields.iter().map(|(name, field)| (name.as_str(), field)).collect();
        Ok(Fields { json, left })
    }

    fn find(&mut self, name: &str) -> Option<&'a Json> {
        let index = self.left.iter().position(|(left, _)| *left == name)?;
        Some(self.left.swap_remove(index).1)
    }

    pub(crate) fn take(&mut self, name: &str) -> Result<&'a Json, String> {
        self.find(name).ok_or_else(|| format!("no `{name}` in {}", self.json))
    }

    pub(crate) fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'a Json) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        self.find(name).map(read).transpose()
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<String, String> {
        text(self.take(name)?)
    }

    /// The name that an operation gives to what it makes, if any.
    pub(crate) fn name(&mut self) -> Result<Option<String>, String> {
        self.optional("as", text)
    }

    pub(crate) fn int(&mut self, name: &str) -> Result<i64, String> {
        int(self.take(name)?)
    }

    pub(crate) fn flag(&mut self, name: &str) -> Result<bool, String> {
        let flag = |json: &Json| json.as_bool().ok_or_else(|| format!("not a flag: {json}"));
        Ok(self.optional(name, flag)?.unwrap_or(false))
    }

    pub(crate) fn end(self) -> Result<(), String> {
        match self.left.first() {
            None => Ok(()),
            Some((name, _)) => Err(format!("unknown field `{name}` in {}", self.json)),
        }
    }
}
