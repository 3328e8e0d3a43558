-- One MVT layer per level of a layer of zones, named by the level's code; counts of the run that readers follow.
-- Side by side: the tile in EPSG:3857, and in EPSG:4490, where the spatial indexes are, with its buffer.
WITH tile AS (SELECT ST_TileEnvelope(:z, :x, :y) AS drawn,
                     ST_Transform(ST_TileEnvelope(:z, :x, :y, margin => 64.0 / 4096), 4490) AS stored),
drawn_zones AS (
    SELECT level.code AS level, zone.code, zone.name, zone.kind, parent.code AS parent,
           counts.household, counts.business, counts.institution, counts.people, zone.id,
           ST_AsMVTGeom(ST_Transform(zone.geom, 3857), tile.drawn, 4096, 64, true) AS geom
    FROM tile
    JOIN zone ON zone.version_id = :version AND zone.geom && tile.stored
    JOIN level ON level.id = zone.level_id
    JOIN layer ON layer.id = level.layer_id AND layer.code = :layer
    LEFT JOIN zone AS parent ON parent.id = zone.parent_id
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(subjects) FILTER (WHERE kind = 'household'), 0)::bigint AS household,
               coalesce(sum(subjects) FILTER (WHERE kind = 'business'), 0)::bigint AS business,
               coalesce(sum(subjects) FILTER (WHERE kind = 'institution'), 0)::bigint AS institution,
               sum(people) FILTER (WHERE kind = 'household')::bigint AS people
        FROM zone_count
        WHERE zone_count.run_id = CAST(:run AS bigint) AND zone_count.zone_id = zone.id
    ) AS counts ON CAST(:run AS bigint) IS NOT NULL
)
SELECT ST_AsMVT(features, level, 4096, 'geom') FROM (
    SELECT code, name, kind, level, parent, household, business, institution, people, geom
    FROM drawn_zones WHERE geom IS NOT NULL ORDER BY id
) AS features GROUP BY level ORDER BY level
