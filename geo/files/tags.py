"""What OpenStreetMap tags mean to OneGrid: which values are homes, institutions, facilities, stations."""

HOMES = frozenset(
    (
        "allotment_house",
        "apartments",
        "bungalow",
        "cabin",
        "detached",
        "dormitory",
        "farm",
        "house",
        "houseboat",
        "residential",
        "semidetached_house",
        "static_caravan",
        "terrace",
    )
)
"""``building`` values that say that people live there."""

PUBLIC_OFFICES = frozenset(
    (
        "administrative",
        "association",
        "diplomatic",
        "educational_institution",
        "foundation",
        "government",
        "international_organization",
        "ngo",
        "political_party",
        "religion",
        "research",
    )
)
"""``office`` values that are 单位 rather than 企业."""

INSTITUTIONS = frozenset(
    (
        "clinic",
        "college",
        "courthouse",
        "embassy",
        "fire_station",
        "hospital",
        "kindergarten",
        "library",
        "music_school",
        "nursing_home",
        "police",
        "post_office",
        "prison",
        "research_institute",
        "school",
        "social_facility",
        "townhall",
        "university",
    )
)
FACILITIES = frozenset(
    (
        "arts_centre",
        "bus_station",
        "cinema",
        "community_centre",
        "conference_centre",
        "ferry_terminal",
        "fuel",
        "marketplace",
        "parking",
        "place_of_worship",
        "public_bath",
        "recycling",
        "theatre",
        "toilets",
    )
)
LEISURE = frozenset(
    (
        "garden",
        "park",
        "pitch",
        "playground",
        "sports_centre",
        "sports_hall",
        "stadium",
        "swimming_pool",
    )
)
STATIONS = ("townhall", "community_centre", "police", "post_office", "library")
"""``amenity`` values that serve as stations here, in order of rank; the first townhall is the centre."""

KEPT_TAGS = (
    "amenity",
    "building",
    "building:levels",
    "government",
    "healthcare",
    "landuse",
    "leisure",
    "office",
    "shop",
    "tourism",
    "wikidata",
)
"""Tags that go into a record's attributes."""
