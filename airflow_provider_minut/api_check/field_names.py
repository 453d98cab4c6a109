"""Decides which keys of a reply are field names, so that no key that may be data is shown.

An object may be keyed by names or IDs, and a name of a home may look like a field name. So a key is shown
only if the provider knows it as a field, or if each of its words is one of the technical words below. All
other keys are hidden, even if they are field names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from airflow_provider_minut.api_check.endpoints import ENDPOINTS

# Seen in public clients, or in the documentation of earlier versions. No names of persons, homes or rooms.
_SEEN_FIELDS = """
accelerometer_z address address_line alarm_id alarm_info alarm_info_type alarm_off_grace_period_secs
apartment_number city configuration country device_bluetooth_address device_mac earliest_alarm_time email
floor_number glassbreak_config grace_period_expires_at grace_period_secs guests homekit_enabled
homegroup_id hook_secret humidity invitations latitude light location longitude low_warning_sent_at
mould_risk_level muted_until owner part_als post_code pressure sound street_name1 street_name2
temperature
"""

_TECHNICAL_WORDS = """
absolute accelerometer accepted accepts access account accounts active activity add added address after
age aggregate air alarm alarms alert alerts all allowed als altitude ambient amount and api app apply
arm armed array at attempts auto automatic availability available average avg
backend ban base basic battery before begin behavior bluetooth body boot bucket buckets build building by
calibrated calibration call can cancelled capabilities capability capacity category celsius change changed
channel charge charged charging check checked checkin checkout client clock closed co2 code color comment
config configuration configurations configured confirmed connected connection connectivity consent contact
contacts count counter counts country created crowd currency current custom customer cycle
daily data date datetime day days db dba decibel default deleted delay description desired detail detailed
details detected detection detections device devices diff disabled dismissed display distance disturbance
duration
early email enable enabled end ended ending ends energy entry error errors estimate estimated event events
exp expired expires expiry export external
factor fahrenheit failed feature features fetch field fields file filter firmware first flag flags floor
flow format from frequency full fullname function
gas generation geo get glass global group groups guest guests
hardware has heard heartbeat heat height high history home homes hook hooks hour hourly hours hub humidity
icon id identifier ids image index indicator indoor info initial insight insights installation installed
integration interval invitation invited ip is iso issue item items
key kind
label language last late latest latitude lead led length level levels light limit limits link links list
listening locale location locked log long longitude low lower
mac main manual manufacturer max maximum mean median member members message metadata method metric min
minimum minute minutes mode model modified module mold monitor monitored monitoring month motion motions
mould mount mounted mounting mute muted
name names network next night noise normal note notes notification notifications notify number
object occupancy occupied occurred of off offline offset on ongoing online open operation option options
order organisation organization organizations origin outdoor owner owned
page paging paired parent part partner parts password path paused peak pending percent percentage period
permission permissions phone photo pin ping pir place plan plans plugged pm10 pm25 point policy position
postal power presence present preset presets pressure previous priority privacy product profile property
provider push
quality quiet
radio range rate raw reaction reactions reading readings ready reason received record reference region
registered relative removed report reported request required reset resolution resolved response result
retry revision risk role roles room rooms rotation rssi rule rules
sample samples saving schedule scheduled schedules scope score second seconds secs sector secret seen
sensitivity sensor sensors sent sequence serial service session sessions set setting settings setup
severity share shared shipping short signal silence silenced silent since siren size smoke smoking snooze
snoozed snr software sort sound source speed ssid standard start started starting starts state states
static status stay stays step stop stopped storage strength subscription subscriptions summary support
supported suspended sync system
tag tags tamper tampered target temp temperature temperatures temporary term test text threshold
thresholds time timeline times timestamp timezone title token tokens total trend trial trigger triggered
triggers type types
ui unit units unread until update updated updates upload uploaded upper uptime uri url urls usage use used
user username users utc
valid value values verified version versions vibration video view visible voc volt voltage volume
wanted warning warnings web webhook webhooks week weekday weekdays weekly weight wifi window with within
wlan
year years
z zone zones
"""
TECHNICAL_WORDS = frozenset(_TECHNICAL_WORDS.split())


def _known_fields() -> frozenset[str]:
    """Return the names of all fields in the beliefs about the endpoints."""
    beliefs = [belief for endpoint in ENDPOINTS for belief in (*endpoint.item, *endpoint.around)]
    paths = [path for belief in beliefs for path in belief.alternatives]
    return frozenset(name for path in paths for name in path.split(".")) | {
        endpoint.list_key for endpoint in ENDPOINTS if endpoint.list_key
    }


KNOWN_FIELDS = _known_fields() | frozenset(_SEEN_FIELDS.split())


class FieldNames:
    """Decides which keys of some replies are shown.

    :param replies: Parsed JSON of all replies. A key with the letters of a text in one of them may be data,
        so it is hidden unless the provider knows it as a field.
    """

    def __init__(self, replies: Iterable[Any]) -> None:
        self._texts = _texts_in(list(replies))

    def __call__(self, key: str) -> bool:
        """Return whether a key is shown."""
        return key in KNOWN_FIELDS or (_is_technical(key) and _letters(key) not in self._texts)


def _is_technical(key: str) -> bool:
    """Return whether each word of a key, in ``snake_case`` or ``camelCase``, is a technical word."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*|[a-z]+([A-Z][a-z]+)*", key):
        return False
    return all(word in TECHNICAL_WORDS for word in re.sub(r"([A-Z])", r"_\1", key).lower().split("_"))


def _letters(text: str) -> str:
    """Return the letters and digits of a text: ``guest_room`` and ``Guest Room`` have the same."""
    return re.sub(r"[\W_]", "", text.casefold())


def _texts_in(value: Any) -> frozenset[str]:
    """Return the letters of all texts in parsed JSON, of any depth."""
    texts: set[str] = set()
    todo = [value]
    while todo:
        each = todo.pop()
        if isinstance(each, str):
            texts.add(_letters(each))
        elif isinstance(each, dict):
            todo += each.values()
        elif isinstance(each, list):
            todo += each
    return frozenset(texts)
