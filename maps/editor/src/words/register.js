// Words of registers, and of what bounds a zone.

/** @type {Record<string, [zh: string, en: string]>} */
export default {
  "zone.bounds": ["四至", "Bounds"],
  "register": ["台账", "Register"],
  "register.hint": ["下载这一层级的台账（Excel）：四至、数量、人员、启用与变更日期", "Download this level's register (Excel): bounds, counts, staff, dates"],
};
