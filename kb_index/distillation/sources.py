"""Where the texts come from, and the most that is taken of each."""

# Handbooks of what people do with a computer, by the Debian packages that carry them; of what is written for
# administrators little is taken.
MANUALS = [
    "gnome-user-docs", "libreoffice-help-en-us", "gimp-help-en", "debian-handbook", "debian-faq",
    "debian-reference-en", "khelpcenter", "gnucash-docs", "anarchism", "evolution-common", "kmymoney-common",
    "calibre", "doc-debian", "installation-guide-amd64", "apache2-doc", "git-doc", "konsole", "okular", "kmail",
    "kontact", "ktorrent", "developers-reference", "aptitude-doc-en", "postfix-doc", "exim4-doc-html", "mutt",
    "kstars-data", "kalzium-data", "step", "marble-data", "skrooge-common", "grisbi-common", "tellico-doc",
    "krusader", "kdenlive-data", "kaffeine", "yelp", "epiphany-browser-data", "totem-common", "rhythmbox-data",
    "shotwell-common", "simple-scan", "cheese-common", "gnumeric-doc", "wesnoth-1.16-data",
    "plasma-desktop-data", "systemsettings", "dolphin", "gwenview", "ark", "akregator", "korganizer",
    "kaddressbook", "kget", "knotes", "juk", "k3b-data", "kcalc", "inkscape", "kate",
]  # fmt: skip
DICTIONARY, SAYINGS = "wordnet-base", ("fortunes", "fortunes-min")
# The most sentences and passages of a source, and of each that is not named.
SENTENCES = {
    "gnucash-docs": 7_000, "libreoffice-help-en-us": 7_000, "anarchism": 5_000, "gimp-help-en": 3_500,
    "apache2-doc": 2_500, "git-doc": 1_500, "kstars-data": 1_500, "evolution-common": 1_500, "postfix-doc": 800,
    "exim4-doc-html": 600, "mutt": 500, "step": 500,
}  # fmt: skip
PASSAGES = {
    "libreoffice-help-en-us": 3_500, "fortunes": 3_500, "anarchism": 3_000, "gnucash-docs": 3_000,
    "gimp-help-en": 1_800, "debian-handbook": 800, "apache2-doc": 700, "git-doc": 500, "gnumeric-doc": 500,
    "postfix-doc": 400, "exim4-doc-html": 300, "mutt": 200, "step": 100,
}  # fmt: skip
MOST_SENTENCES, MOST_PASSAGES = 3_000, 1_500
MOST = {"messages": 30_000, "examples": 26_000, "meanings": 12_000, "packages": 7_000, "sayings": 5_000}
# How people ask for what a heading names.
ASKED = (
    "how do i {}",
    "how do I {}?",
    "how to {}",
    "what is {}?",
    "what does {} mean",
    "can i {}?",
    "where do i find {}",
    "{}?",
    "{} not working",
    "why {}?",
    "is there {}?",
    "i need help with {}",
    "tell me about {}",
    "when should i {}?",
    "who {}?",
    "do you {}?",
)
QUESTIONS, FRAGMENTS = 9_000, 8_000
