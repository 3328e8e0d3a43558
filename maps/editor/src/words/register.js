// Words of registers, of what bounds a zone, and of exceptions that are drawn.

/** @type {Record<string, [zh: string, en: string]>} */
export default {
  "zone.bounds": ["四至", "Bounds"],
  "register": ["台账", "Register"],
  "register.hint": ["下载这一层级的台账（Excel）：四至、数量、人员、启用与变更日期", "Download this level's register (Excel): bounds, counts, staff, dates"],
  "tool.except": ["登记豁免", "Exception"],
  "do.except": ["画范围登记豁免…", "Draw an exception…"],
};
