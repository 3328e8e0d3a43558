// Words of the page: Chinese first, English by a switch. The service's own messages come in both languages.

/** @typedef {"zh" | "en"} Language */

/** @type {Record<string, [zh: string, en: string]>} */
const WORDS = {
  "app": ["OneGrid 一网格", "OneGrid"],
  "territory": ["辖区", "Territory"],
  "version": ["版本", "Version"],
  "version.current": ["现行", "current"],
  "version.past": ["历史", "past"],
  "version.draft": ["草稿", "draft"],
  "search": ["搜索", "Search"],
  "search.placeholder": ["搜索地址、网格编码、名称…", "Search an address, zone code or name…"],
  "search.none": ["没有找到“{0}”。按回车键按地址查询网格。", "Nothing found for “{0}”. Press Enter to look it up as an address."],
  "search.busy": ["正在查找…", "Searching…"],
  "search.address": ["地址", "Address"],
  "search.zone": ["网格", "Zone"],
  "search.station": ["服务站", "Station"],
  "search.subject": ["对象", "Subject"],
  "briefing": ["简报", "Briefing"],
  "briefing.hint": ["打开可打印、可离线的简报页", "Open a briefing page that prints and works offline"],
  "sign-out": ["退出", "Sign out"],
  "role.viewer": ["查看", "Viewer"],
  "role.planner": ["规划员", "Planner"],
  "role.publisher": ["发布员", "Publisher"],
  "role.admin": ["管理员", "Administrator"],
  "language": ["English", "中文"],
  "skip": ["跳到地图", "Skip to the map"],
  "map": ["网格地图，可用方向键移动，加减号缩放", "Grid map: arrow keys move, plus and minus zoom"],
  "home": ["全图", "Whole territory"],
  "zoom.in": ["放大", "Zoom in"],
  "zoom.out": ["缩小", "Zoom out"],
  "layers": ["图层", "Layers"],
  "layers.levels": ["边界与层级", "Borders by level"],
  "layers.active": ["着色、列表与点击所用的层级", "Level that is coloured, listed and clicked"],
  "layers.base": ["底图与标注", "Base map and labels"],
  "layers.streets": ["街道", "Streets"],
  "layers.footprints": ["小区与楼栋", "Estates and buildings"],
  "layers.stations": ["服务站", "Stations"],
  "layers.faults": ["问题", "Faults"],
  "layers.labels": ["名称", "Names"],
  "layers.departments": ["部门图层", "Departments' layers"],
  "layers.checked-only": ["部门自己的图层：只检查，不要求无缝", "departments' own layers: checked, not held to a partition"],
  "colour": ["着色", "Colour by"],
  "colour.households": ["户数", "Households"],
  "colour.people": ["人口", "People"],
  "colour.businesses": ["商户/企业", "Businesses"],
  "colour.institutions": ["单位", "Institutions"],
  "colour.none": ["不着色", "None"],
  "unit.households": ["户", "households"],
  "unit.people": ["人", "people"],
  "unit.businesses": ["家", "businesses"],
  "unit.institutions": ["家", "institutions"],
  "legend": ["图例", "Legend"],
  "legend.zones": ["{0} 个", "{0}"],
  "legend.unknown": ["未知", "unknown"],
  "legend.title": ["每个{0}的{1}", "{1} per {0}"],
  "legend.circle": ["{0} 分钟步行可达", "within {0} min on foot"],
  "tab.details": ["详情", "Details"],
  "tab.zones": ["网格", "Zones"],
  "tab.faults": ["问题", "Faults"],
  "tab.stations": ["服务站", "Stations"],
  "tab.reconciliation": ["对账", "Accounts"],
  "details.empty": ["点击地图上的网格、服务站或问题编号，或在上方搜索地址，这里显示详情。", "Click a zone, a station or a fault on the map, or search an address above: its details appear here."],
  "zone.code": ["编码", "Code"],
  "zone.name": ["名称", "Name"],
  "zone.dedicated": ["专属网格", "Dedicated"],
  "zone.parent": ["上级", "Parent"],
  "zone.children": ["下级", "Children"],
  "zone.area": ["面积", "Area"],
  "zone.perimeter": ["周长", "Perimeter"],
  "zone.people": ["人口", "People"],
  "zone.staff": ["人员", "Staff"],
  "zone.staff.none": ["尚未登记网格长", "No staff registered"],
  "zone.stations": ["服务站", "Stations"],
  "zone.faults": ["问题", "Faults"],
  "zone.none": ["无", "none"],
  "zone.fly": ["在地图上定位", "Show on the map"],
  "zone.here": ["点击处归属", "Zones at the point clicked"],
  "zones.filter": ["按名称或编码筛选", "Filter by name or code"],
  "zones.none": ["本版本的这个层级没有网格。", "This level has no zones in this version."],
  "zones.no-match": ["没有符合筛选条件的网格。", "No zone matches the filter."],
  "zones.summary": ["{0}：{1} 个", "{0}: {1}"],
  "count.household": ["户数", "Households"],
  "count.business": ["商户/企业", "Businesses"],
  "count.institution": ["单位", "Institutions"],
  "count.building": ["楼栋", "Buildings"],
  "count.estate": ["小区", "Estates"],
  "count.facility": ["设施", "Facilities"],
  "faults.none": ["最近一次检查没有发现问题。", "The last check found no faults."],
  "faults.unchecked": ["本版本尚未检查。请规划员运行检查（onegrid check）。", "This version has not been checked yet. Ask a planner to run onegrid check."],
  "faults.summary": ["错误 {0} 个，提示 {1} 个", "{0} errors, {1} warnings"],
  "faults.checked": ["检查于 {0}", "checked {0}"],
  "faults.error": ["错误", "Error"],
  "faults.warning": ["提示", "Warning"],
  "faults.all": ["全部类型", "All kinds"],
  "faults.kind": ["类型", "Kind"],
  "fault": ["问题 {0}", "Fault {0}"],
  "fault.zones": ["涉及", "Concerns"],
  "fault.area": ["面积", "Area"],
  "fault.width": ["宽度", "Width"],
  "fault.subjects": ["涉及对象", "Subjects"],
  "stations.none": ["没有登记服务站。", "No stations are registered."],
  "stations.all": ["全部服务站合计", "All stations together"],
  "stations.coverage": ["步行可达住户", "Households reached on foot"],
  "stations.no-circles": ["尚未计算服务圈。请规划员运行 onegrid circles。", "Circles have not been computed yet. Ask a planner to run onegrid circles."],
  "station.center": ["中心", "Centre"],
  "station.zone": ["片区", "Zone centre"],
  "station.point": ["站点", "Point"],
  "station.address": ["地址", "Address"],
  "station.speed": ["沿街道网络，步行速度 {0} m/s", "along streets, walking at {0} m/s"],
  "station.minutes": ["分钟", "min"],
  "station.households": ["住户", "Households"],
  "station.share": ["占全部", "Share"],
  "station.people": ["人口", "People"],
  "reconciliation.none": ["尚未归格。请规划员运行 onegrid assign。", "Not assigned yet. Ask a planner to run onegrid assign."],
  "reconciliation.lead": ["已归格 + 未归格 = 总数；每个未归格对象都有原因。", "Assigned + unassigned = total; each unassigned subject has a reason."],
  "reconciliation.kind": ["对象", "Subjects"],
  "reconciliation.total": ["总数", "Total"],
  "reconciliation.assigned": ["已归格", "Assigned"],
  "reconciliation.unassigned": ["未归格", "Unassigned"],
  "reason.outside": ["辖区外", "outside"],
  "reason.gap": ["缺口内", "in a gap"],
  "reason.no_location": ["无位置", "no location"],
  "reason.bad_location": ["位置有误", "bad location"],
  "lookup": ["归属查询", "Lookup"],
  "lookup.ambiguous": ["这个地址对应多处，请核对：", "This address matches several places; please check:"],
  "lookup.unassigned": ["未归格：{0}", "unassigned: {0}"],
  "lookup.edge": ["距边界 {0}", "{0} from the border"],
  "lookup.station": ["最近服务站", "Nearest station"],
  "lookup.walk": ["步行 {0}", "{0} on foot"],
  "lookup.straight": ["直线 {0}（初筛）", "{0} straight (screening)"],
  "lookup.near": ["相近的地址：", "Similar addresses:"],
  "lookup.confidence": ["匹配度 {0}", "match {0}"],
  "lookup.point": ["坐标 {0}", "Point {0}"],
  "foot.source": ["来源", "Source"],
  "foot.synthetic": ["示意数据", "Synthetic data"],
  "foot.version": ["版本", "Version"],
  "foot.outside": ["移动鼠标显示坐标", "Move the mouse for coordinates"],
  "notes": ["数据说明", "About the data"],
  "busy": ["正在读取…", "Loading…"],
  "retry": ["重试", "Try again"],
  "close": ["关闭", "Close"],
  "unknown": ["未知", "unknown"],
  "tiles.failed": ["部分地图没有读到，稍后自动重读。", "Part of the map could not be loaded; it will be asked for again."],
  "empty.title": ["还没有辖区数据", "No territory is loaded"],
  "empty.remedy": ["请管理员在服务器上运行 onegrid demo 装入示例，或用 onegrid load 装入本单位数据。", "Ask an administrator to run onegrid demo, or onegrid load with your own data."],
  "no-version": ["这个辖区还没有版本", "This territory has no version"],
};

let current = /** @type {Language} */ ("zh");

/** @param {Language} language */
export function use(language) {
  current = language;
}

/**
 * The words for a key, with `{0}`, `{1}` filled in.
 *
 * @param {string} key
 * @param {...(string | number)} values
 */
export function t(key, ...values) {
  const words = WORDS[key];
  if (!words) throw new Error(`no words for ${key}`);
  const text = words[current === "en" ? 1 : 0];
  return text.replace(/\{(\d)\}/g, (_, index) => String(values[Number(index)] ?? ""));
}

/** English names of what the service names in Chinese. */
const LEVELS_EN = /** @type {Record<string, string>} */ ({
  county: "County",
  street: "Street / town",
  functional: "Functional zone",
  community: "Community",
  grid: "Grid",
  microgrid: "Microgrid",
  party: "Party grid",
  order: "Public-order grid",
  civil: "Civil-affairs grid",
  urban: "Urban-management grid",
  police: "Police grid",
  admin: "Administrative",
});

/** Name of a level or layer in the language of the page.
 * @param {{ code: string, name: string }} named
 */
export const nameOf = (named) => (current === "en" ? (LEVELS_EN[named.code] ?? named.name) : named.name);

const FAULTS_EN = /** @type {Record<string, string>} */ ({
  overlap: "Overlap",
  gap: "Gap",
  inlet: "Inlet",
  sliver: "Sliver",
  outside_parent: "Outside its parent",
  uncovered: "Uncovered",
  duplicate: "Duplicate",
  contained: "Contained",
  invalid: "Invalid shape",
  stray: "Stray part",
  near_miss: "Near miss",
  crossing_levels: "Crosses levels",
  cut_estate: "Cuts an estate",
  cut_building: "Cuts a building",
  cut_barrier: "Crosses a barrier",
});

/** @param {{ kind: string, kind_name: string }} fault */
export const faultName = (fault) =>
  current === "en" ? (FAULTS_EN[fault.kind] ?? fault.kind_name) : fault.kind_name;

/** @param {{ message: string, message_en: string }} said */
export const messageOf = (said) => (current === "en" && said.message_en ? said.message_en : said.message);

/** Every key, for the test that both languages say something. */
export const keys = () => Object.keys(WORDS);
