"""Word lists that the invented world is put together from; no name here is meant to be a real one.

First names are common ones from many languages; surnames, towns, drugs and brands are built from syllables.
"""

from __future__ import annotations

_WOMEN = (
    "Adaeze Agnes Aino Amara Anneke Anoush Beatriz Bettina Carys Chiara Constance Dalia Daphne Delphine Edda Elif "
    "Esther Farida Fenna Freya Gisela Greta Hanne Harriet Ilse Imogen Ines Irina Jamila Johanna Joyce Kalina "
    "Katrin Keiko Leila Lotte Lucia Maeve Malin Marisol Mercy Mireille Nadia Ngozi Noor Odile Olena Oona Petra "
    "Philippa Priya Radka Rosalind Runa Sabine Saskia Selma Shirin Signe Siobhan Soraya Sunniva Tamsin Thandi "
    "Tove Ursula Valentina Verity Wanjiru Winifred Yasmin Yetunde Ysolde Zofia"
)
_MEN = (
    "Abel Aldo Ambrose Anders Anton Arjun Arvo Baptiste Bartek Bilal Bram Casimir Cedric Cormac Darius Desmond "
    "Dmitri Edwin Einar Emeka Enzo Fabian Farouk Felix Gareth Gideon Goran Hamish Henrik Horace Idris Ignacio "
    "Isamu Ivo Jabari Jasper Joachim Kasper Kofi Lambert Lars Leopold Luca Magnus Marek Matteo Milos Mungo Nasir "
    "Nikolai Obinna Olaf Orson Oskar Pascal Piers Quentin Rafael Ravi Rufus Rurik Samir Sandor Silas Stellan "
    "Sunil Tadeusz Tariq Teodor Tobias Uwe Viktor Wendell Yusuf Zoltan"
)
WOMEN = _WOMEN.split()
MEN = _MEN.split()
SURNAME_STARTS = (
    "Hal Bren Tor Mar Els Ved Kor Dun Wex Lin Pra Osk Fen Gri Ash Cal Rav Sil Thor Yar Ibe Non Quil Stav Zel Obe "
    "Ama Ked Lor Mun Bal Dra Eck Fal Gor Hux Jes Kil Lam Nev Orm Pel Rud Sar Tam Ul Vin Wol"
)
SURNAME_ENDS = (
    "vek strand wick denby nova dano enko ashe burrow lind quist ettle aru imura ossi anda okeye ander leigh garth "
    "ich escu oux tham sell verton bright holm mark zano dery pole"
)
TOWN_STARTS = (
    "Brack Elder Sal Thorn Wen Oxen Har Pell Quar Ravel Stan Till Under Vane Whin Yarl Ald Birk Corm Dray Fenn "
    "Gull Hask Inver Kest Lang Marl Nether Orl Pim"
)
TOWN_ENDS = "mere holt combe wick by stead haven ford minster fell cross well bourne gate mouth"
REGION_STARTS = "Ves Cal Or Tam Drav Lus Nor Hest Mal Per"
REGION_ENDS = "mark anthia mond orra avia eria enland osia"
DRUG_STARTS = (
    "Velo Tora Naxu Brito Culi Fesa Galu Hesi Iloru Juna Kelo Lunta Moxe Pradu Quori Rinta Sevu Talmi Ulsa Zaru"
)
DRUG_ENDS = "dran lerone motan vexil bantor tecin rolat phylline guan stradil nepra cormide zunate limab"
DISEASES = (
    "syndrome", "fever", "neuritis", "palsy", "dermatitis", "anaemia", "disease", "ague", "colic", "arthritis",
    "cough", "vertigo",
)  # fmt: skip
STREETS = (
    "Street", "Lane", "Road", "Terrace", "Court", "Mews", "Row", "Avenue", "Close", "Gardens", "Wharf", "Hill",
)  # fmt: skip
TOWN_INSTITUTIONS = {
    "clinic": ("Clinic", "Health Centre", "Surgery", "Outpatient Clinic", "Medical Practice"),
    "hospital": ("General Hospital", "Infirmary", "Cottage Hospital", "Hospital"),
    "vets": ("Veterinary Practice", "Animal Hospital", "Vets"),
    "insurer": ("Mutual", "Assurance", "Insurance Society", "Cover"),
    "bank": ("Savings Bank", "Bank", "Building Society", "Credit Union"),
    "landlord": ("Housing Trust", "Lettings", "Homes", "Property Management"),
    "school": ("Primary School", "High School", "Academy", "School"),
    "court": ("County Court", "Housing Tribunal", "Civil Court", "Magistrates' Court"),
    "council": ("Borough Council", "District Council", "City Council"),
    "firm": ("Foundry", "Logistics", "Foods", "Textiles", "Packaging", "Instruments"),
    "solicitor": ("Solicitors", "& Partners", "Legal", "Law"),
    "careteam": ("Family Centre", "Family Support Team", "Adult Care Team", "Children's Services"),
    "shop": ("Home Stores", "Electricals", "Online", "Department Store"),
}
STATUTES = (
    "Tenancies", "Rented Homes", "Consumer Redress", "Animal Keepers", "Personal Records", "Working Hours",
    "River Navigation", "Street Trading", "Small Claims", "Guardianship", "Night Work", "Public Footpaths",
    "Heating Supply", "Carers' Leave", "Estate Agents", "Allotments", "School Transport", "Noise Abatement",
    "Market Stalls", "Lost Property", "Ferry Passengers", "Wells and Boreholes", "High Hedges", "Debt Collection",
    "Holiday Lets", "Private Parking", "Apprentices", "Shop Refunds", "Beekeeping", "Burial Grounds",
)  # fmt: skip
BRAND_STARTS = "Korv Alt Bex Cind Dorv Emb Fjor Glim Hyl Ist Jund Lum Mav Nim Ond Pryn Rell Sond Trev Ulm Vex Zeph"
BRAND_ENDS = "ane ero ia olux ine ora ix aro une eva ium olo"
MACHINES = (
    "pellet stove", "seed drill", "label printer", "infusion pump", "goods lift", "bench centrifuge", "bread slicer",
    "road saw", "stair lift", "heat pump", "peat dryer", "wool carder", "kiln controller", "ticket gate",
    "autoclave", "cider press", "snow blower", "hoist", "ice resurfacer", "tile cutter", "weighbridge",
    "sludge pump", "hospital bed", "coffee roaster", "boiler", "fish scaler", "paper baler", "dough mixer",
)  # fmt: skip
GADGETS = (
    "dishwasher", "kettle", "vacuum cleaner", "tumble dryer", "sewing machine", "air fryer", "bread maker",
    "electric blanket", "hedge trimmer", "espresso machine", "dehumidifier", "cordless drill", "baby monitor",
    "e-bike", "juicer", "fan heater", "turntable", "label maker",
)  # fmt: skip
PRODUCTS = (
    "Homeguard policy", "Everyday current account", "Fixed Two bond", "Travelwell policy", "Pawprint pet cover",
    "First Rung mortgage", "Bike Cover policy", "Rainy Day saver", "Landlord Plus policy", "Student account",
    "Winter Sports add-on", "Low Rate card", "Funeral plan", "Marine Hull cover", "Allotment cover",
    "Green Loan", "Junior saver", "Income Shield policy", "Wedding policy", "Tenant Contents policy",
    "Cashback card", "Harvest overdraft", "Van policy", "Musical Instrument cover", "Bridging loan",
    "Regular saver", "Legal Costs policy", "Glasshouse cover",
)  # fmt: skip
SPECIES = (
    "spindle newt", "reed shrew", "copper finch", "ghost crayfish", "marsh weasel", "cliff swift", "dwarf heron",
    "lantern moth", "blind loach", "stone curlew", "salt hare", "velvet adder", "hooded bunting", "peat beetle",
    "silver gudgeon", "thistle bee", "cave cricket", "dune vole", "scree marmot", "bog warbler", "river oyster",
    "tawny harrier", "moss frog", "black grebe", "harbour bat", "long-tailed gecko", "glass eel", "hill pony",
)  # fmt: skip
EVENTS = (
    "flood", "dock strike", "siege", "great fire", "mutiny", "bridge collapse", "bread riot", "mine disaster",
    "frost fair", "railway collision", "potato rising", "ferry sinking", "grain panic", "cholera year",
    "weavers' revolt", "lighthouse trial", "bank failure", "landslide", "salt tax protest", "balloon crossing",
    "cattle plague", "treaty congress", "reservoir breach", "printers' lockout", "ice storm", "charter dispute",
    "harbour blockade", "mill explosion",
)  # fmt: skip
BUILDINGS = (
    "Bridge", "Lighthouse", "Observatory", "Corn Exchange", "Viaduct", "Opera House", "Bathhouse", "Signal Tower",
    "Lace Museum", "Water Tower", "Grain Silo", "Assembly Rooms", "Winter Garden", "Canal Lock", "Old Prison",
    "Fish Market", "Clock Museum", "Ropeworks", "Pump House", "Town Library", "Customs House", "Tram Depot",
    "Ice House", "Guildhall", "Salt Cellars", "Railway Hotel", "Powder Mill", "Bell Foundry",
)  # fmt: skip
FESTIVALS = (
    "Lantern Night", "Eel Fair", "Rope Pull", "Plum Sunday", "Stone Race", "Candle Walk", "Goose Market",
    "Raft Day", "Straw Bear Parade", "Bell Week", "Onion Ball", "Midwinter Swim", "Ferrymen's Feast", "Kite Days",
    "Barley Crown", "Mask Supper", "Oyster Blessing", "Hat Auction", "Cart Derby", "Poets' Picnic", "Frost Fair",
    "Tar Barrel Run", "Quilt Show", "Drum Vigil", "Apple Wassail", "Sheep Ballot", "Pickle Contest", "Loaf Toss",
)  # fmt: skip
METHODS = (
    "staining method", "balance test", "grafting technique", "sampling protocol", "titration", "breathing exercise",
    "hearing screen", "filing system", "water assay", "knot splice", "dating method", "memory test",
    "casting process", "crop rotation", "bandaging technique", "tuning procedure", "inventory method",
    "grip test", "soil probe procedure", "glazing process", "interview method", "drying procedure",
    "leak test", "reading assessment", "wound-cleaning procedure", "noise survey", "mapping method", "pruning method",
)  # fmt: skip
DISHES = (
    "smoked pudding", "barley dumplings", "eel pie", "honey loaf", "plum vinegar", "ash cheese", "nettle broth",
    "rye pancakes", "salted caramel wafers", "pickled quince", "black bean stew", "saffron buns",
)  # fmt: skip
MINERALS = ("ite", "olite", "stone", "spar", "ulite", "erz", "agate", "onyx")
POLICIES = (
    "visitor policy", "home-working policy", "refund policy", "lost-card procedure", "parental leave policy",
    "pet policy", "complaints procedure", "library lending rules", "expenses policy", "appointment policy",
    "attendance policy", "parking rules",
)  # fmt: skip
POLICY_OWNERS = {
    "visitor policy": ("hospital", "school", "careteam"), "home-working policy": ("firm", "council", "insurer"),
    "refund policy": ("shop", "school", "vets"), "lost-card procedure": ("bank", "bank", "council"),
    "parental leave policy": ("firm", "insurer", "council"), "pet policy": ("landlord", "landlord", "hospital"),
    "complaints procedure": ("insurer", "landlord", "bank", "clinic"),
    "library lending rules": ("school", "council"), "expenses policy": ("firm", "careteam", "court"),
    "appointment policy": ("clinic", "bank", "vets"), "attendance policy": ("school", "firm", "school"),
    "parking rules": ("hospital", "council", "landlord"),
}  # fmt: skip
LISTS: dict[str, tuple[str, ...]] = {
    "colour": ("grey", "bottle-green", "rust-red", "navy", "cream", "charcoal", "mustard", "pale blue", "maroon"),
    "pet": ("Biscuit", "Pickle", "Mungo", "Tansy", "Juno", "Bramble", "Otis", "Widget", "Clover", "Rollo", "Nettle",
            "Figgy", "Sprocket", "Maple", "Dolly", "Hobnob", "Tuppence", "Wilf", "Sable", "Pepper"),
    "job": ("bus driver", "pastry cook", "piano tuner", "retired teacher", "roofer", "night porter", "librarian",
            "florist", "lorry mechanic", "call-centre worker", "potter", "dairy farmer", "seamstress", "surveyor",
            "school caretaker", "violin teacher", "warehouse picker", "translator", "plasterer", "gardener"),
    "relative": ("daughter", "son", "sister", "brother", "husband", "wife", "neighbour", "niece", "partner",
                 "mother", "grandson", "flatmate"),
    "weekday": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"),
    "month": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
              "November", "December"),
}  # fmt: skip
