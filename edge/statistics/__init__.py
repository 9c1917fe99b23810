"""What a site's specimens come to over weeks: found, refused, and how machine and reader agree."""
