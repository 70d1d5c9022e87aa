"""Invented statements in many scripts, to measure."""

LATIN = """---
title: "Give the night ferry of Lower Ember its logbook back, and its lamp"
date: 2026-04-01
topics: [Ferries, Free expression]
countries: [NO]
image: {file: latin.jpg, credit: "Ada Sample", alt: "A ferry"}
pull_quote: "Nobody is asked for a name on a ferry; that is what a ferry is for."
endorsement: "These invented organisations endorse this statement:"
---

On the second of March, a well-known and wholly invented harbour office took the logbook of the
night ferry away, and with it the (much-loved) lamp that had hung at its bow since before the bridge
was planned. No reason was given; none, said the clerk, was needed.

The logbook holds the remarks of passengers: 1,204 of them, by *our* count, from “mind the third
step” to a poem of eleven stanzas. **It holds no names.** The ferry never asked for any — and that,
we have since been told, is what the office minds.

## What a logbook is

> “We wrote down what people said about the crossing. If somebody wanted to be remembered, they
> signed. Most didn't. We liked that about them.”

- the book, with its index/register
- the lamp
- the clerk's receipt, dated 2 March

We ask the office to return all three by the first of May, and to say, in writing, who may read a
book that belongs to 1,204 people. See [the crossing rules](https://ferry.example/rules).
"""

GREEK = """---
title: "Να επιστραφεί το ημερολόγιο του νυχτερινού πορθμείου της Κάτω Στάχτης"
lang: el
date: 2026-04-02
pull_quote: "Κανείς δεν ρωτιέται για το όνομά του σε ένα πορθμείο."
endorsement: "Οι παρακάτω επινοημένες οργανώσεις υπογράφουν:"
---

Στις δύο Μαρτίου ένα επινοημένο λιμεναρχείο πήρε το ημερολόγιο του νυχτερινού πορθμείου και μαζί του
τη λάμπα που κρεμόταν στην πλώρη πολύ πριν σχεδιαστεί η γέφυρα. Δεν δόθηκε κανένας λόγος.

Το ημερολόγιο περιέχει τα σχόλια των επιβατών, από το «προσοχή στο τρίτο σκαλοπάτι» ως ένα ποίημα
με έντεκα στροφές. Δεν περιέχει ονόματα, επειδή το πορθμείο δεν τα ζήτησε ποτέ.

Ζητούμε να επιστραφούν το βιβλίο και η λάμπα, και να ειπωθεί γραπτώς ποιος διέταξε την αφαίρεσή τους.
"""

CYRILLIC = """---
title: "Верните ночному парому Нижнего Пепла его журнал и его фонарь"
lang: ru
date: 2026-04-03
pull_quote: "На пароме никого не спрашивают об имени: для того он и паром."
endorsement: "Это заявление поддерживают вымышленные организации:"
---

Второго марта вымышленная портовая контора забрала журнал ночного парома, а с ним и фонарь, который
висел на носу ещё до того, как задумали мост. Никакой причины не назвали.

В журнале — замечания пассажиров, от «осторожно, третья ступенька» до стихотворения в одиннадцать
строф. Имён в нём нет: паром никогда о них не спрашивал.

Мы просим вернуть книгу и фонарь и письменно сообщить, кто распорядился их изъять.
"""

ARABIC = """---
title: "أعيدوا إلى عبّارة الليل دفترها ومصباحها"
lang: ar
date: 2026-04-04
pull_quote: "لا يُسأل أحد عن اسمه على متن عبّارة؛ فلهذا وُجدت العبّارات."
endorsement: "تؤيّد هذا البيان منظمات متخيَّلة:"
---

في الثاني من مارس أخذ مكتب ميناء متخيَّل دفتر عبّارة الليل، وأخذ معه المصباح الذي كان معلّقًا في مقدمتها منذ ما قبل التفكير في الجسر. ولم يُذكر أيّ سبب.

في الدفتر ملاحظات الركّاب، من «انتبهوا للدرجة الثالثة» إلى قصيدة في أحد عشر مقطعًا. وليس فيه أسماء، لأن العبّارة لم تطلبها قط.

نطلب إعادة الدفتر والمصباح، وأن يُقال كتابةً من أمر بأخذهما.
"""

KHMER = """---
title: "សូមប្រគល់សៀវភៅកំណត់ហេតុរបស់សាឡាងពេលយប់មកវិញ"
lang: km
date: 2026-04-05
pull_quote: "គ្មាននរណាម្នាក់ត្រូវបានសួររកឈ្មោះនៅលើសាឡាងឡើយ។"
endorsement: "អង្គការប្រឌិតទាំងនេះគាំទ្រសេចក្តីថ្លែងការណ៍នេះ៖"
---

នៅថ្ងៃទីពីរខែមីនា ការិយាល័យកំពង់ផែប្រឌិតមួយបានយកសៀវភៅកំណត់ហេតុរបស់សាឡាងពេលយប់ និងចង្កៀងដែលព្យួរនៅក្បាលសាឡាងតាំងពីមុនពេលគេគិតសាងសង់ស្ពាន។ គ្មានមូលហេតុណាមួយត្រូវបានប្រាប់ឡើយ។

សៀវភៅនេះមានកំណត់សម្គាល់របស់អ្នកដំណើរ ប៉ុន្តែមិនមានឈ្មោះទេ ពីព្រោះសាឡាងមិនដែលសួររកឈ្មោះឡើយ។

យើងស្នើសុំឱ្យប្រគល់សៀវភៅ និងចង្កៀងមកវិញ។
"""

BURMESE = """---
title: "ညကူးတို့သင်္ဘော၏ မှတ်တမ်းစာအုပ်ကို ပြန်ပေးပါ"
lang: my
date: 2026-04-06
pull_quote: "ကူးတို့သင်္ဘောပေါ်တွင် မည်သူ့ကိုမျှ အမည်မမေးပါ။"
endorsement: "ဤထုတ်ပြန်ချက်ကို စိတ်ကူးယဉ်အဖွဲ့အစည်းများက ထောက်ခံသည်။"
---

မတ်လ ၂ ရက်နေ့တွင် စိတ်ကူးယဉ် ဆိပ်ကမ်းရုံးတစ်ခုက ညကူးတို့သင်္ဘော၏ မှတ်တမ်းစာအုပ်နှင့် တံတားကို မစဉ်းစားမီကတည်းက ဦးပိုင်းတွင် ချိတ်ဆွဲထားသော မီးအိမ်ကို ယူသွားခဲ့သည်။ အကြောင်းရင်းကို မပြောခဲ့ပါ။

စာအုပ်ထဲတွင် ခရီးသည်များ၏ မှတ်ချက်များ ပါရှိသော်လည်း အမည်များ မပါရှိပါ။ ကူးတို့သင်္ဘောက မည်သည့်အခါမျှ မမေးခဲ့ပါ။

စာအုပ်နှင့် မီးအိမ်ကို ပြန်ပေးရန် ကျွန်ုပ်တို့ တောင်းဆိုပါသည်။
"""

CHINESE = """---
title: "请归还夜航渡船的航行日志和船灯"
lang: zh-Hans
date: 2026-04-07
pull_quote: "渡船上没有人会被问到姓名，渡船正是为此而设。"
endorsement: "以下虚构的组织支持本声明："
---

三月二日，一个虚构的港务处取走了夜航渡船的航行日志，还取走了那盏在人们想到要造桥之前就挂在船头的灯。没有人说明任何理由。

日志里是乘客们的留言，从“小心第三级台阶”到一首十一节的诗。里面没有姓名，因为渡船从来不问。

我们要求归还日志和船灯，并以书面说明是谁下令取走的。
"""

TEXTS = {
    "latin": LATIN,
    "greek": GREEK,
    "cyrillic": CYRILLIC,
    "arabic": ARABIC,
    "khmer": KHMER,
    "burmese": BURMESE,
    "chinese": CHINESE,
}
NAMES = [
    "Circle of Lamp Keepers",
    "Paper, Ink and Press: a Society for the Protection of Correspondence",
    "Unión de Lectores y Lectoras de las Bibliotecas Populares del Sur Imaginario",
    "Bund der freien Hafenzeitungsherausgeberinnen",
    "Маяк: вымышленный союз писателей и переводчиков",
    "رابطة المنارات المتخيَّلة",
    "Ένωση Φαροφυλάκων της Κάτω Στάχτης",
    "សមាគមគំរូសម្រាប់សេរីភាពនៃការបញ្ចេញមតិ",
    "နမူနာ စာရေးဆရာအသင်း",
    "架空の灯台作家協会",
    *[
        f"Association of Invented Archives, section {number}/{number * 7}"
        for number in range(1, 26)
    ],
]
