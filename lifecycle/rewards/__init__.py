"""What contacts are given: points and tiers, coupons, referral codes. Each is a ledger; nothing is given twice."""
