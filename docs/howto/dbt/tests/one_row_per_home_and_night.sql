select home_id, night
from {{ ref("nightly_noise") }}
group by home_id, night
having count(*) > 1
