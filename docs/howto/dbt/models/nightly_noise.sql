{{ config(materialized="incremental", unique_key=["home_id", "night"]) }}

{% set changed_since %}
    (
        select coalesce(max(loaded_at) - interval '1 day', cast('1970-01-01' as timestamptz))
        from {{ this }}
    )
{% endset %}

with readings as (

    select
        homes.home_id,
        readings.time at time zone homes.timezone as local_time,
        readings.value,
        readings.loaded_at
    from {{ source("minut", "readings") }} as readings
    inner join {{ source("minut", "devices") }} as devices on readings.device_id = devices.device_id
    inner join {{ source("minut", "homes") }} as homes on devices.home = homes.home_id
    where readings.sensor = 'sound_level' and readings.value is not null
    {% if is_incremental() %}
    -- Late readings change earlier nights. A day more, so that the first of these nights is complete.
    and readings.time >= (
        select min(time) - interval '1 day'
        from {{ source("minut", "readings") }}
        where loaded_at > {{ changed_since }}
    )
    {% endif %}

),

nights as (

    select
        home_id,
        cast(local_time - interval '12 hours' as date) as night,
        count(*) as readings,
        max(value) as loudest_db,
        -- The mean of the energy, because decibels are logarithmic.
        10 * log(avg(power(10, value / 10))) as mean_db,
        count(*) filter (where value > {{ var("noise_limit") }}) as readings_above_limit,
        max(loaded_at) as loaded_at
    from readings
    where extract(hour from local_time) >= 22 or extract(hour from local_time) < 7
    group by 1, 2

)

select * from nights
{% if is_incremental() %}
where loaded_at > {{ changed_since }}
{% endif %}
