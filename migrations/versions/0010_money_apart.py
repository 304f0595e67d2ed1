"""What budgets of money counted under the names of budgets of offers is forgotten, to be counted anew from the grants.

They once shared a name (`budget:coffee:total`), and then one with a campaign that is called so (`budget:coffee:cost:total`).
Left there, a row of cents would be taken for one of offers as soon as such a campaign has a budget of offers.

And an index by which each of a customer's phones finds what waits for all of them.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# An offer counts 1, so every other amount is money; an offer that costs 1 counts the same either way. A row that is
# not there is made from the grants when it is first asked for, and the grants are then made to name it; that they must
# not do already, and by the wrong amount. Budgets of money have another name from now on, and so begin there.
STATEMENTS = """
CREATE TEMPORARY TABLE money_claims ON COMMIT DROP AS
SELECT g.decision_id, g.campaign, claim ->> 0 AS key
FROM grants AS g, jsonb_array_elements(g.charged) AS claim
WHERE starts_with(claim ->> 0, 'budget:') AND position('of=cost' IN claim ->> 0) = 0 AND (claim ->> 2)::bigint <> 1;

UPDATE grants AS g SET charged = (
    SELECT coalesce(jsonb_agg(claim), '[]') FROM jsonb_array_elements(g.charged) AS claim
    WHERE NOT (claim ->> 0 = ANY(spoilt.keys) AND (claim ->> 2)::bigint <> 1))
FROM (SELECT decision_id, campaign, array_agg(key) AS keys FROM money_claims GROUP BY decision_id, campaign) AS spoilt
WHERE g.decision_id = spoilt.decision_id AND g.campaign = spoilt.campaign;

DELETE FROM tallies WHERE key IN (SELECT key FROM money_claims);
"""
INDEX = """
CREATE INDEX decisions_of_no_phone ON decisions (customer_key, expires_at)
    WHERE site IS NULL AND channel IN ('inbox', 'push');
"""


def upgrade() -> None:
    op.execute(STATEMENTS)
    op.execute(INDEX)
