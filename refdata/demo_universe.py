"""The made-up firms, goods and services of the demo, and public facts about real shares and bonds: ISIN, market,
name, coupon. The listed contracts are made up after real ones.

The prices are invented, near what such shares have cost. Nothing here is advice or a quotation.
"""

from __future__ import annotations

# code, name, country, address of the warehouse
ENTITIES = [
    (
        "MERIDIAN-UK",
        "Meridian Quay Markets Limited",
        "GB",
        "Berth 14, Meridian Quay, Tilbury RM18 7EH, United Kingdom",
    ),
    (
        "MERIDIAN-EU",
        "Meridian Quay Markets Europe GmbH",
        "DE",
        "Speicher 5, Kaistraße 20, 40221 Düsseldorf, Deutschland",
    ),
    (
        "MERIDIAN-US",
        "Meridian Quay Markets LLC",
        "US",
        "Pier 31, 410 Harbor Drive, Jersey City NJ 07302, USA",
    ),
]

# code, name, desk, entity
BOOKS = [
    ("EQ-US", "US equities", "EQUITIES", "MERIDIAN-US"),
    ("EQ-EU", "Continental equities", "EQUITIES", "MERIDIAN-EU"),
    ("EQ-UK", "UK equities", "EQUITIES", "MERIDIAN-UK"),
    ("FX-G10", "Major currencies", "FX", "MERIDIAN-UK"),
    ("FX-EM", "Emerging currencies", "FX", "MERIDIAN-UK"),
    ("FI-GOVT", "Government bonds", "RATES", "MERIDIAN-EU"),
    ("FI-CORP", "Corporate bonds", "RATES", "MERIDIAN-US"),
    ("LD-INDEX", "Index futures and options", "DERIVATIVES", "MERIDIAN-EU"),
    ("GOODS-UK", "Homeware, United Kingdom", "WHOLESALE", "MERIDIAN-UK"),
    ("GOODS-EU", "Homeware, European Union", "WHOLESALE", "MERIDIAN-EU"),
    ("SERVICES-UK", "Shop fitting, United Kingdom", "WHOLESALE", "MERIDIAN-UK"),
    ("SERVICES-EU", "Shop fitting, European Union", "WHOLESALE", "MERIDIAN-EU"),
]

# code, name, country
COUNTERPARTIES = [
    ("NORDHAVN", "Nordhavn Fondsmæglerselskab A/S", "DK"),
    ("HALVASTR", "Halvorsen Åstrand Verdipapirer AS", "NO"),
    ("KVARNBYN", "Kvarnbyn Kapitalförvaltning Aktiebolag", "SE"),
    ("SAIMAANT", "Saimaantie Pankkiiriliike Oyj", "FI"),
    ("OSTERHOL", "Bankhaus Osterholt & Söhne Kommanditgesellschaft auf Aktien", "DE"),
    ("RHEINWAL", "Rheinwald Wertpapierhandelsbank Aktiengesellschaft", "DE"),
    ("TAUNUSBL", "Taunusblick Kapitalverwaltungsgesellschaft mbH", "DE"),
    ("HANSAKON", "Hansakontor Vermögensverwaltung GmbH & Co. KG", "DE"),
    ("ALPSTEIN", "Alpsteiner Privatbank AG", "CH"),
    ("LEMANVAL", "Banque du Léman Valorise SA", "CH"),
    ("ENGADINA", "Engadina Vermögenspartner AG", "CH"),
    ("TIERGART", "Tiergarten Bankhaus Aktiengesellschaft", "AT"),
    ("BOISVERT", "Boisvert, Delacourt et Associés - Entreprise d'Investissement", "FR"),
    ("MARTELIN", "Société Financière Martelin de Placement et de Gestion Collective", "FR"),
    ("GRANDPRE", "Grandpré Marchés S.A.S.", "FR"),
    ("ARMORIQU", "Caisse Armoricaine d'Épargne et de Prévoyance Mutuelle", "FR"),
    ("SCHELDEM", "Scheldemond Effectenbank N.V.", "BE"),
    ("VLIETLAN", "Vlietland Vermogensbeheer N.V.", "NL"),
    ("AMSTELKA", "Amstelkade Derivatives Trading B.V.", "NL"),
    ("ZUIDERST", "Stichting Pensioenfonds Zuiderstrand", "NL"),
    ("PETRUSSE", "Pétrusse Fund Services S.à r.l.", "LU"),
    ("LIFFEYGA", "Liffey Gate Investment Managers Designated Activity Company", "IE"),
    ("TORREVED", "Torre Vedras Sociedade Corretora, S.A.", "PT"),
    (
        "MIRASIER",
        "Mirasierra Gestión de Activos, Sociedad Gestora de Instituciones de Inversión Colectiva, S.A.",
        "ES",
    ),
    ("BRENTANO", "Brentano e Figli Società di Intermediazione Mobiliare S.p.A.", "IT"),
    ("VISTULAM", "Vistula Mazowiecki Dom Maklerski Spółka Akcyjna", "PL"),
    ("COLDHARB", "Coldharbour Lane Asset Management LLP", "GB"),
    ("STMARYAX", "St Mary Axe Execution Services Limited", "GB"),
    ("FIRTHOFF", "Firth of Forth Widows' and Orphans' Life Assurance Society", "GB"),
    ("PENNINES", "Pennine Securities (Nominees) Limited", "GB"),
    ("GOWERPEN", "Gower Peninsula Building Society", "GB"),
    ("TRUSTEES", "The Trustees of the Harrowgate Engineering Staff Pension and Life Assurance Scheme", "GB"),
    ("HUDSONPI", "Hudson Pier Capital Markets LLC", "US"),
    ("LAKEERIE", "Lake Erie Municipal Employees' Retirement System", "US"),
    ("BOWLINGG", "Bowling Green Prime Brokerage, Inc.", "US"),
    ("CASCADIA", "Cascadia Systematic Master Fund, L.P.", "US"),
    ("GEORGIAN", "Georgian Bay Investments Inc.", "CA"),
    ("SUMIDAGA", "Sumida-gawa Shōken Kabushiki Kaisha", "JP"),
    ("VICTORIA", "Victoria Peak Global Opportunities Fund Limited", "HK"),
    ("BLACKMER", "Blackmere Offshore Trading (Cayman) Limited", "KY"),
    ("QUILLONS", "Quillon Street Partners (Guernsey) Limited Partnership Incorporated", "GG"),
]
RESTRICTED = {"BLACKMER"}
WITHOUT_NETTING = {"ZUIDERST", "LAKEERIE", "TRUSTEES", "FIRTHOFF"}
WITHOUT_SSI = {"QUILLONS"}
GROUP = "MERIDIAN QUAY"
# What the controls of parties point out, each at one firm that is dealt with seldom.
REVIEW_OVERDUE = {"VICTORIA"}
LEI_NOT_RENEWED = {"SUMIDAGA"}
AGREEMENT_ENDED = {"GEORGIAN"}
ONBOARDED = {"CASCADIA"}
SMALL_CREDIT = {"CUST-LOUGHREA"}

# code, name, country, delivery address
CUSTOMERS = [
    (
        "CUST-ALDERNEY",
        "Alderney & Finch Homeware Limited",
        "GB",
        "Unit 4, Tidewater Trading Estate, Bristol BS11 8AZ, United Kingdom",
    ),
    (
        "CUST-BRAMBLE",
        "Bramble Lane Gift Company Limited",
        "GB",
        "17 Orchard Row, Ludlow SY8 1NQ, United Kingdom",
    ),
    (
        "CUST-COPPICE",
        "The Coppice Kitchen Shops LLP",
        "GB",
        "Warehouse 2, Kelham Wharf, Sheffield S3 8RY, United Kingdom",
    ),
    (
        "CUST-DUNLIN",
        "Dunlin & Daughters (Department Stores) plc",
        "GB",
        "Goods In, 88 Quayside Road, Newcastle upon Tyne NE1 3DX, United Kingdom",
    ),
    (
        "CUST-EYOT",
        "Eyot Garden Centres Limited",
        "GB",
        "The Yard, Riverside Way, Reading RG1 8EQ, United Kingdom",
    ),
    (
        "CUST-FERNDALE",
        "Ferndale Hospitality Supplies Limited",
        "GB",
        "Dock 9, Cambrian Park, Swansea SA1 8QY, United Kingdom",
    ),
    ("CUST-GAUTIER", "Gautier Arts de la Table S.A.R.L.", "FR", "24 rue des Tanneurs, 59000 Lille, France"),
    (
        "CUST-HELLWEG",
        "Hellweger Einrichtungshaus GmbH & Co. KG",
        "DE",
        "Tor 3, Lagerstraße 41, 44147 Dortmund, Deutschland",
    ),
    ("CUST-IJSSEL", "IJsseldelta Woonwarenhuis B.V.", "NL", "Nijverheidsweg 12, 8263 AB Kampen, Nederland"),
    (
        "CUST-JURANCE",
        "Jurançon Hôtellerie Équipement S.A.S.",
        "FR",
        "6 allée des Platanes, 64000 Pau, France",
    ),
    (
        "CUST-KATZBACH",
        "Katzbacher Geschenkartikel Großhandel e.K.",
        "DE",
        "Halle B, Am Güterbahnhof 7, 76187 Karlsruhe, Deutschland",
    ),
    (
        "CUST-LOUGHREA",
        "Loughrea Craft & Home Designated Activity Company",
        "IE",
        "Unit 11, Lakeside Business Park, Loughrea H62 XH96, Ireland",
    ),
]

# market (MIC) → currency, settlement cycle in business days, the depository's BIC
MARKETS = {
    "XNAS": ("USD", 1, "DTCYUS33"),
    "XNYS": ("USD", 1, "DTCYUS33"),
    "XETR": ("EUR", 2, "DAKVDEFF"),
    "XPAR": ("EUR", 2, "SICVFRPP"),
    "XAMS": ("EUR", 2, "NECINL2A"),
    "XLON": ("GBP", 2, "CRSTGB22"),
    "XSWX": ("CHF", 2, "INSECHZZ"),
}

# market, ISIN, name, price around which the closes move
# how many shares of the list below are dealt in much, then how many somewhat less
HIGHLY_LIQUID, LIQUID = 40, 80
# list, subject, key, measure, note
WATCHED = [
    ("RESEARCH-BLACKOUT", "INSTRUMENT", "DE0007164600", "WATCHED", "Our analyst publishes on this share."),
    ("DEAL-TEAM", "INSTRUMENT", "US02079K1079", "RESTRICTED", "The firm advises on a transaction."),
    ("COUNTRY-RISK", "COUNTRY", "KP", "RESTRICTED", "No business."),
]
# product, and the calendar days to the last date of a deal that anybody may agree on
MANDATES = {
    "EQUITY": 30,
    "BOND": 30,
    "LISTED_DERIVATIVE": 400,
    "FX_SPOT": 10,
    "FX_FORWARD": 400,
    "FX_SWAP": 400,
    "GOODS": 400,
    "SERVICE": 400,
}
UNDER_AGREEMENT = ("FX_FORWARD", "FX_SWAP", "LISTED_DERIVATIVE")

EQUITIES = [
    ("XNAS", "US0378331005", "Apple Inc.", "187.25"),
    ("XNAS", "US5949181045", "Microsoft Corporation", "412.40"),
    ("XNAS", "US02079K3059", "Alphabet Inc. Class A", "171.15"),
    ("XNAS", "US02079K1079", "Alphabet Inc. Class C", "172.60"),
    ("XNAS", "US0231351067", "Amazon.com, Inc.", "186.90"),
    ("XNAS", "US67066G1040", "NVIDIA Corporation", "128.30"),
    ("XNAS", "US30303M1027", "Meta Platforms, Inc.", "512.75"),
    ("XNAS", "US88160R1014", "Tesla, Inc.", "242.10"),
    ("XNAS", "US11135F1012", "Broadcom Inc.", "164.85"),
    ("XNAS", "US22160K1051", "Costco Wholesale Corporation", "882.20"),
    ("XNAS", "US64110L1061", "Netflix, Inc.", "698.50"),
    ("XNAS", "US0079031078", "Advanced Micro Devices, Inc.", "151.45"),
    ("XNAS", "US00724F1012", "Adobe Inc.", "561.30"),
    ("XNAS", "US17275R1023", "Cisco Systems, Inc.", "49.85"),
    ("XNAS", "US4581401001", "Intel Corporation", "31.20"),
    ("XNAS", "US7475251036", "QUALCOMM Incorporated", "168.70"),
    ("XNAS", "US8825081040", "Texas Instruments Incorporated", "199.40"),
    ("XNAS", "US0311621009", "Amgen Inc.", "322.15"),
    ("XNAS", "US7134481081", "PepsiCo, Inc.", "172.95"),
    ("XNAS", "US8552441094", "Starbucks Corporation", "92.30"),
    ("XNAS", "US4612021034", "Intuit Inc.", "641.80"),
    ("XNAS", "US0382221051", "Applied Materials, Inc.", "203.55"),
    ("XNAS", "US4385161066", "Honeywell International Inc.", "205.60"),
    ("XNAS", "US46120E6023", "Intuitive Surgical, Inc.", "478.25"),
    ("XNAS", "US3755581036", "Gilead Sciences, Inc.", "78.90"),
    ("XNAS", "US6092071058", "Mondelez International, Inc.", "70.85"),
    ("XNAS", "US70450Y1038", "PayPal Holdings, Inc.", "72.10"),
    ("XNAS", "US5951121038", "Micron Technology, Inc.", "104.65"),
    ("XNYS", "US46625H1005", "JPMorgan Chase & Co.", "211.35"),
    ("XNYS", "US4781601046", "Johnson & Johnson", "161.20"),
    ("XNYS", "US92826C8394", "Visa Inc.", "279.80"),
    ("XNYS", "US57636Q1040", "Mastercard Incorporated", "481.10"),
    ("XNYS", "US7427181091", "The Procter & Gamble Company", "170.25"),
    ("XNYS", "US30231G1022", "Exxon Mobil Corporation", "117.45"),
    ("XNYS", "US1667641005", "Chevron Corporation", "147.90"),
    ("XNYS", "US4370761029", "The Home Depot, Inc.", "371.60"),
    ("XNYS", "US9311421039", "Walmart Inc.", "76.40"),
    ("XNYS", "US0605051046", "Bank of America Corporation", "39.85"),
    ("XNYS", "US9497461015", "Wells Fargo & Company", "56.70"),
    ("XNYS", "US1912161007", "The Coca-Cola Company", "71.15"),
    ("XNYS", "US5801351017", "McDonald's Corporation", "292.30"),
    ("XNYS", "US2546871060", "The Walt Disney Company", "91.40"),
    ("XNYS", "US6541061031", "NIKE, Inc.", "82.55"),
    ("XNYS", "US7170811035", "Pfizer Inc.", "28.95"),
    ("XNYS", "US58933Y1055", "Merck & Co., Inc.", "115.80"),
    ("XNYS", "US5324571083", "Eli Lilly and Company", "921.40"),
    ("XNYS", "US91324P1021", "UnitedHealth Group Incorporated", "587.25"),
    ("XNYS", "US0028241000", "Abbott Laboratories", "113.60"),
    ("XNYS", "US00287Y1091", "AbbVie Inc.", "194.75"),
    ("XNYS", "US8835561023", "Thermo Fisher Scientific Inc.", "612.90"),
    ("XNYS", "US4592001014", "International Business Machines Corporation", "218.35"),
    ("XNYS", "US68389X1054", "Oracle Corporation", "168.20"),
    ("XNYS", "US79466L3024", "Salesforce, Inc.", "271.45"),
    ("XNYS", "US0970231058", "The Boeing Company", "155.30"),
    ("XNYS", "US1491231015", "Caterpillar Inc.", "351.10"),
    ("XNYS", "US3696043013", "General Electric Company", "182.65"),
    ("XNYS", "US38141G1040", "The Goldman Sachs Group, Inc.", "498.70"),
    ("XNYS", "US6174464486", "Morgan Stanley", "103.25"),
    ("XNYS", "US1729674242", "Citigroup Inc.", "61.90"),
    ("XNYS", "US0258161092", "American Express Company", "262.40"),
    ("XNYS", "US00206R1023", "AT&T Inc.", "21.45"),
    ("XNYS", "US92343V1044", "Verizon Communications Inc.", "43.80"),
    ("XNYS", "US88579Y1010", "3M Company", "135.15"),
    ("XNYS", "US0846707026", "Berkshire Hathaway Inc. Class B", "456.20"),
    ("XNYS", "US9078181081", "Union Pacific Corporation", "244.85"),
    ("XNYS", "US9113121068", "United Parcel Service, Inc.", "133.20"),
    ("XETR", "DE0007164600", "SAP SE", "205.40"),
    ("XETR", "DE0007236101", "Siemens Aktiengesellschaft", "176.82"),
    ("XETR", "DE0008404005", "Allianz SE", "292.60"),
    ("XETR", "DE0005557508", "Deutsche Telekom AG", "27.14"),
    ("XETR", "DE0008430026", "Münchener Rückversicherungs-Gesellschaft AG", "489.30"),
    ("XETR", "DE0005190003", "Bayerische Motoren Werke AG", "79.36"),
    ("XETR", "DE0007100000", "Mercedes-Benz Group AG", "58.47"),
    ("XETR", "DE0007664039", "Volkswagen AG Vz.", "94.18"),
    ("XETR", "DE000BASF111", "BASF SE", "46.92"),
    ("XETR", "DE000BAY0017", "Bayer AG", "28.35"),
    ("XETR", "DE0005140008", "Deutsche Bank AG", "15.64"),
    ("XETR", "DE0005552004", "Deutsche Post AG", "39.21"),
    ("XETR", "DE000A1EWWW0", "adidas AG", "231.70"),
    ("XETR", "DE0006231004", "Infineon Technologies AG", "30.88"),
    ("XETR", "DE000ENAG999", "E.ON SE", "13.07"),
    ("XETR", "DE0007037129", "RWE AG", "31.95"),
    ("XETR", "DE0006048432", "Henkel AG & Co. KGaA Vz.", "82.24"),
    ("XETR", "DE0006599905", "Merck KGaA", "164.55"),
    ("XETR", "DE0005810055", "Deutsche Börse AG", "208.10"),
    ("XETR", "DE0007030009", "Rheinmetall AG", "498.60"),
    ("XETR", "DE000A1ML7J1", "Vonovia SE", "32.41"),
    ("XETR", "DE0006047004", "Heidelberg Materials AG", "98.74"),
    ("XETR", "DE0005785604", "Fresenius SE & Co. KGaA", "34.02"),
    ("XETR", "DE000PAH0038", "Porsche Automobil Holding SE", "41.36"),
    ("XETR", "DE000CBK1001", "Commerzbank AG", "16.11"),
    ("XPAR", "FR0000121014", "LVMH Moët Hennessy Louis Vuitton SE", "642.30"),
    ("XPAR", "FR0000120271", "TotalEnergies SE", "61.28"),
    ("XPAR", "FR0000120578", "Sanofi", "99.87"),
    ("XPAR", "FR0000120321", "L'Oréal", "394.15"),
    ("XPAR", "FR0000121972", "Schneider Electric SE", "238.45"),
    ("XPAR", "FR0000120073", "Air Liquide SA", "171.22"),
    ("XPAR", "FR0000131104", "BNP Paribas", "62.94"),
    ("XPAR", "FR0000052292", "Hermès International", "2087.00"),
    ("XPAR", "FR0000120628", "AXA SA", "34.77"),
    ("XPAR", "FR0000125486", "Vinci SA", "106.35"),
    ("XPAR", "FR0000121485", "Kering", "241.90"),
    ("XPAR", "FR0000120644", "Danone", "65.12"),
    ("XPAR", "FR0000130809", "Société Générale", "22.83"),
    ("XPAR", "FR0000133308", "Orange", "10.64"),
    ("XPAR", "FR0000121667", "EssilorLuxottica", "211.80"),
    ("XPAR", "FR0000073272", "Safran", "204.60"),
    ("XPAR", "FR001400AJ45", "Compagnie Générale des Établissements Michelin", "36.48"),
    ("XPAR", "FR0000125007", "Compagnie de Saint-Gobain", "80.27"),
    ("XPAR", "FR0000120693", "Pernod Ricard", "118.35"),
    ("XPAR", "FR0000127771", "Vivendi SE", "9.92"),
    ("XPAR", "FR0000131906", "Renault", "41.73"),
    ("XPAR", "FR0000124141", "Veolia Environnement", "29.58"),
    ("XPAR", "FR0010208488", "Engie SA", "15.86"),
    ("XPAR", "FR0000045072", "Crédit Agricole SA", "14.09"),
    ("XAMS", "NL0010273215", "ASML Holding N.V.", "742.10"),
    ("XAMS", "NL0000235190", "Airbus SE", "131.74"),
    ("XAMS", "NL0011821202", "ING Groep N.V.", "16.33"),
    ("XAMS", "NL0013654783", "Prosus N.V.", "36.95"),
    ("XAMS", "NL0000009165", "Heineken N.V.", "78.62"),
    ("XAMS", "NL0000009538", "Koninklijke Philips N.V.", "28.11"),
    ("XAMS", "NL0011794037", "Koninklijke Ahold Delhaize N.V.", "31.04"),
    ("XAMS", "NL0000395903", "Wolters Kluwer N.V.", "152.75"),
    ("XAMS", "NL0012969182", "Adyen N.V.", "1324.00"),
    ("XAMS", "NL0000009082", "Koninklijke KPN N.V.", "3.72"),
    ("XAMS", "NL0013267909", "Akzo Nobel N.V.", "58.90"),
    ("XAMS", "NL0000334118", "ASM International N.V.", "604.20"),
    ("XLON", "GB00B10RZP78", "Unilever PLC", "48.62"),
    ("XLON", "GB0009895292", "AstraZeneca PLC", "124.38"),
    ("XLON", "GB00BP6MXD84", "Shell plc", "26.95"),
    ("XLON", "GB0005405286", "HSBC Holdings plc", "6.71"),
    ("XLON", "GB0007980591", "BP p.l.c.", "4.28"),
    ("XLON", "GB0002374006", "Diageo plc", "25.14"),
    ("XLON", "GB00BN7SWP63", "GSK plc", "16.49"),
    ("XLON", "GB0007188757", "Rio Tinto plc", "49.27"),
    ("XLON", "GB0002875804", "British American Tobacco p.l.c.", "28.63"),
    ("XLON", "GB00B2B0DG97", "RELX PLC", "35.72"),
    ("XLON", "GB00B0SWJX34", "London Stock Exchange Group plc", "102.45"),
    ("XLON", "GB0008706128", "Lloyds Banking Group plc", "0.5872"),
    ("XLON", "GB0031348658", "Barclays PLC", "2.2845"),
    ("XLON", "GB00BLGZ9862", "Tesco PLC", "3.5910"),
    ("XLON", "GB00BH4HKS39", "Vodafone Group Public Limited Company", "0.7426"),
    ("XLON", "GB0007099541", "Prudential plc", "6.52"),
    ("XLON", "GB00B63H8491", "Rolls-Royce Holdings plc", "5.0340"),
    ("XLON", "GB0002634946", "BAE Systems plc", "13.06"),
    ("XLON", "GB00BDR05C01", "National Grid plc", "10.12"),
    ("XLON", "GB00BD6K4575", "Compass Group PLC", "24.08"),
    ("XLON", "GB0031743007", "Burberry Group plc", "6.89"),
    ("XLON", "GB0030913577", "BT Group plc", "1.3995"),
    ("XLON", "GB0004544929", "Imperial Brands PLC", "21.77"),
    ("XLON", "GB00B24CGK77", "Reckitt Benckiser Group plc", "45.36"),
    ("XLON", "GB0000536739", "Ashtead Group plc", "56.20"),
    ("XLON", "GB00B1XZS820", "Anglo American plc", "22.41"),
    ("XLON", "GB0004082847", "Standard Chartered PLC", "7.84"),
    ("XLON", "GB00BM8PJY71", "NatWest Group plc", "3.4410"),
    ("XSWX", "CH0038863350", "Nestlé S.A.", "86.14"),
    ("XSWX", "CH0012005267", "Novartis AG", "98.42"),
    ("XSWX", "CH0012032048", "Roche Holding AG", "271.30"),
    ("XSWX", "CH0244767585", "UBS Group AG", "26.37"),
    ("XSWX", "CH0011075394", "Zurich Insurance Group AG", "509.80"),
    ("XSWX", "CH0012221716", "ABB Ltd", "48.93"),
    ("XSWX", "CH0210483332", "Compagnie Financière Richemont SA", "132.65"),
    ("XSWX", "CH0013841017", "Lonza Group AG", "541.20"),
]

_ICMA = "ACT/ACT.ICMA"
# market, ISIN, name, settlement cycle, coupon in per cent, coupons a year, day count, dated date, maturity, price
BONDS = [
    ("XETR", "DE0001102606", "Bund 1.70 % 2032", 2, "1.70", 1, _ICMA, "2022-07-08", "2032-08-15", "94.40"),
    ("XETR", "DE000BU2Z007", "Bund 2.30 % 2033", 2, "2.30", 1, _ICMA, "2023-01-13", "2033-02-15", "97.85"),
    ("XETR", "DE000BU2Z015", "Bund 2.60 % 2033", 2, "2.60", 1, _ICMA, "2023-07-07", "2033-08-15", "99.72"),
    ("XPAR", "FR001400H7V7", "OAT 3.00 % 2033", 2, "3.00", 1, _ICMA, "2022-05-25", "2033-05-25", "99.10"),
    ("XNYS", "US91282CHT18", "US Treasury 3.875 % 2033", 1, "3.875", 2, _ICMA, "2023-08-15", "2033-08-15", "97.31"),
    ("XNYS", "US91282CJJ18", "US Treasury 4.50 % 2033", 1, "4.50", 2, _ICMA, "2023-11-15", "2033-11-15", "101.56"),
    ("XNYS", "US91282CJZ59", "US Treasury 4.00 % 2034", 1, "4.00", 2, _ICMA, "2024-02-15", "2034-02-15", "98.02"),
    ("XNYS", "US037833AL42", "Apple Inc. 3.85 % 2043", 2, "3.85", 2, "30/360", "2013-05-03", "2043-05-04", "86.24"),
]  # fmt: skip

# the derivatives exchange, its currency, and the clearing house's BIC
DERIVATIVES_MARKET = ("XEUR", "EUR", "EUXCDEFF")

# code before the expiry and after it, name, euro a point, type and strike of an option, underlying, price
CONTRACTS = [
    ("FESX", "", "EURO STOXX 50 future", "10", "", None, "EURO STOXX 50", "4912.5"),
    ("FDAX", "", "DAX future", "25", "", None, "DAX", "18240"),
    ("OESX", "-C-5000", "EURO STOXX 50 call 5000", "10", "CALL", "5000", "EURO STOXX 50", "84.30"),
    ("OESX", "-P-4800", "EURO STOXX 50 put 4800", "10", "PUT", "4800", "EURO STOXX 50", "71.60"),
]

# SKU, name, currency, price of a unit
SERVICES = [
    ("SHOPFIT-DESIGN", "Shop design, drawings accepted", "GBP", "2400.00"),
    ("SHOPFIT-DAY", "Fitting, a day", "GBP", "420.00"),
    ("LADENBAU-ENTWURF", "Ladenplanung, Entwurf abgenommen", "EUR", "2750.00"),
    ("LADENBAU-TAG", "Montage, ein Tag", "EUR", "480.00"),
]

# SKU prefix, name, currency, list price
GOODS = [
    ("MUG", "Stoneware mug 350 ml", "GBP", "4.25"),
    ("TEAPOT", "Stoneware teapot 1.2 l", "GBP", "18.50"),
    ("THROW", "Lambswool throw 130 x 180 cm", "GBP", "34.00"),
    ("LANTERN", "Storm lantern", "GBP", "12.75"),
    ("APRON", "Canvas apron", "GBP", "9.95"),
    ("BASKET", "Willow basket with lid", "GBP", "22.40"),
    ("PLATE", "Stoneware dinner plate 27 cm", "EUR", "6.80"),
    ("CARAFE", "Glass carafe 1 l", "EUR", "11.90"),
    ("LINEN", "Linen tablecloth 150 x 250 cm", "EUR", "46.00"),
    ("CANDLE", "Beeswax pillar candle", "EUR", "7.35"),
    ("TRAY", "Ash serving tray", "EUR", "19.60"),
    ("CUSHION", "Velvet cushion 45 x 45 cm", "EUR", "15.25"),
]
# Goods of which nobody has said yet what they cost.
WITHOUT_COST = {"CANDLE-SLA"}
COLOURS = {"CHA": "chalk", "MOS": "moss", "IND": "indigo", "OCH": "ochre", "SLA": "slate"}

# currency → euros per unit, around which the rates move
EUROS_PER_UNIT = {
    "EUR": "1",
    "USD": "0.9214",
    "GBP": "1.1872",
    "JPY": "0.006105",
    "CHF": "1.0538",
    "AUD": "0.6089",
    "CAD": "0.6652",
    "CZK": "0.03951",
    "DKK": "0.13402",
    "HKD": "0.11853",
    "HUF": "0.002468",
    "MXN": "0.04587",
    "NOK": "0.08471",
    "NZD": "0.5563",
    "PLN": "0.23215",
    "SEK": "0.08702",
    "SGD": "0.6984",
    "TRY": "0.02681",
    "ZAR": "0.05124",
}
