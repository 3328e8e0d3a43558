"""Names of the synthetic Zhuanqiao: real names of roads and communities, made-up names of people and firms."""

from __future__ import annotations

from itertools import product

FUNCTIONAL_ZONES: tuple[tuple[str, tuple[float, float]], ...] = (
    ("颛桥", (0.50, 0.56)),
    ("君莲", (0.23, 0.72)),
    ("都市", (0.76, 0.80)),
    ("田园", (0.78, 0.36)),
    ("北桥", (0.34, 0.20)),
)
"""The five functional zones and where their centres lie, as shares of the town's width and height."""

ZONE_OF_COMMUNITY: dict[str, str] = {
    **dict.fromkeys(("秀龙", "众安", "颛溪", "银都苑", "金都", "兴银", "银春", "众众", "光明村"), "颛桥"),
    **dict.fromkeys(("君莲", "樱缘", "向阳村"), "君莲"),
    **dict.fromkeys(("都市", "文博", "星河湾", "君临", "招商", "翔泰", "好世", "中心村"), "都市"),
    **dict.fromkeys(("繁盛", "金榜", "骏苑", "莘闵", "日月", "安乐村", "黄一村"), "田园"),
    **dict.fromkeys(("北桥", "银桥", "复地", "灯塔村", "新闵村"), "北桥"),
}
"""First characters of an official community name → functional zone (the grouping is ours: a sketch)."""

NORTH_SOUTH_ROADS = ("中春路", "沪光路", "都会路", "虹梅南路", "华宁路", "申旺路")
EAST_WEST_ROADS = ("北松公路", "元江路", "颛兴路", "银都路", "光华路", "金都路")
DIAGONAL_ROAD = "沪闵路"
EXPRESSWAY = "沪金高速公路"
RIVERS = ("俞塘", "六磊塘")

_FIRST = "颛银都金华光向瓶安春申田园北桥君莲秀龙众兴繁翔泰樱荣文博凤和曲联双柏剑川剑永德鹤庆沁贵平南昆"
_SECOND = "溪兴建盛秀梅桃竹松荷阳宁康乐庆丰顺和平泰昌新明福瑞景湖泉林"


def road_names() -> list[str]:
    """Return names for secondary and residential roads, none of them one of the main roads."""
    main = {*NORTH_SOUTH_ROADS, *EAST_WEST_ROADS, DIAGONAL_ROAD}
    firsts = list(dict.fromkeys(_FIRST))
    plain = [first + second + "路" for second, first in product(_SECOND, firsts) if first != second]
    more = [
        first + second + kind
        for kind, second, first in product(("街", "支路", "东路", "西路"), _SECOND, firsts)
        if first != second
    ]
    return [name for name in plain + more if name not in main]


_ESTATE_FIRST = (
    "颐",
    "馨",
    "丽",
    "华",
    "锦",
    "雅",
    "翠",
    "碧",
    "嘉",
    "欣",
    "恒",
    "绿",
    "景",
    "东",
    "御",
    "怡",
)
_ESTATE_SECOND = ("景", "宁", "都", "庭", "绣", "苑", "湖", "林", "澜", "和", "盛", "源", "泰", "园", "兰")
_ESTATE_LAST = ("苑", "花园", "公寓", "新村", "小区", "家园", "名邸")


def estate_names() -> list[str]:
    """Return made-up names of estates that carry no community's name."""
    return [
        first + second + last
        for second, last, first in product(_ESTATE_SECOND, _ESTATE_LAST, _ESTATE_FIRST)
        if first != second
    ]


ESTATE_SUFFIXES = ("", "二期", "三期", "东苑", "西苑", "南苑", "北苑", "四期", "五期")

SHOP_KINDS = (
    "便利店", "水果店", "药房", "面馆", "理发店", "五金店", "早餐店", "洗衣店", "文具店", "宠物店",
    "房产中介", "快递驿站", "电动车行", "烘焙坊", "诊所", "茶叶店",
)  # fmt: skip
SHOP_WORDS = (
    "惠民",
    "诚信",
    "阿婆",
    "好邻居",
    "鑫源",
    "小桥",
    "福满",
    "乐购",
    "佳缘",
    "老街",
    "旺旺",
    "清风",
)
FIRM_KINDS = (
    "精密机械有限公司",
    "电子科技有限公司",
    "包装材料有限公司",
    "生物医药有限公司",
    "物流有限公司",
    "汽配有限公司",
)
INSTITUTION_KINDS = (
    "幼儿园", "小学", "中学", "社区卫生服务站", "派出所警务站", "养老院", "图书馆", "环卫所", "社区食堂", "文化站",
)  # fmt: skip
FACILITY_KINDS = ("垃圾房", "公交站", "消防站", "健身点", "充电站", "公共厕所", "变电站", "停车场")

_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗"
_STEMS = "甲乙丙丁戊己庚辛壬癸"


def person(serial: int) -> str:
    """Return a name that no reader takes for a real person's: 王某甲, 李某乙…."""
    return _SURNAMES[serial % len(_SURNAMES)] + "某" + _STEMS[serial // len(_SURNAMES) % len(_STEMS)]


def phone(serial: int) -> str:
    """Return a telephone number that is nobody's: 1990000 and four digits."""
    return f"1990000{serial % 10000:04d}"


def short(community: str) -> str:
    """Return a community's name without its office: 兴银花园居委会 → 兴银花园, 北桥村村委会 → 北桥村.

    Examples
    --------
    >>> short("兴银花园居委会"), short("北桥村村委会"), short("君莲新城第二居委会")
    ('兴银花园', '北桥村', '君莲新城第二')
    """
    return community.removesuffix("居委会").removesuffix("村委会")


def functional_zone(community: str) -> str:
    """Return the functional zone of an official community; one that we do not know goes to the first."""
    for beginning, zone in ZONE_OF_COMMUNITY.items():
        if community.startswith(beginning):
            return zone
    return FUNCTIONAL_ZONES[0][0]


def park_name(serial: int) -> str:
    """Return the name of the n-th industrial park."""
    first = ("向阳", "光华", "申南", "莘庄工业区颛桥", "北桥", "田园", "都市", "瓶安", "元江", "春申")
    return f"{first[serial % len(first)]}{'' if serial < len(first) else serial // len(first) + 1}产业园"


def mall_name(serial: int) -> str:
    """Return the name of the n-th mall."""
    first = [zone for zone, _ in FUNCTIONAL_ZONES]
    return f"{first[serial % len(first)]}{'' if serial < len(first) else serial // len(first) + 1}商业广场"
