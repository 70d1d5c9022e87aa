"""Newsletters in languages

What a newsletter says of itself moves to a table with a row for each language, and the first
newsletter gets its words in every language that the program speaks.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from widgets.models.base import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WORDS = ("title", "name", "description")
# In English, as migration 0001 wrote it.
SHIPPED = "The week, in your inbox"
# language: title, name, description, consent. A name is written so that it can be the object of
# a sentence (in Russian it is a title, and the sentences bring the quotation marks).
WEEKLY = {
    "fr": (
        "La semaine, dans votre boîte mail",
        "la lettre hebdomadaire",
        "Ce qui s’est passé, qui est menacé et ce que vous pouvez faire. Un courriel par semaine.",
        "En m’inscrivant, j’accepte de recevoir la lettre hebdomadaire. "
        "Elle ne piste personne, et je peux me désinscrire en un clic.",
    ),
    "es": (
        "La semana, en su correo",
        "el boletín semanal",
        "Qué ha pasado, quién está bajo amenaza y qué puede hacer usted. Un correo a la semana.",
        "Al suscribirme acepto recibir el boletín semanal. "
        "No rastrea a nadie, y puedo darme de baja con un clic.",
    ),
    "ar": (
        "حصاد الأسبوع في بريدك",
        "النشرة الأسبوعية",
        "ما الذي حدث، ومن يتعرّض للتهديد، وما الذي يمكنك فعله. رسالة واحدة في الأسبوع.",
        "باشتراكي أوافق على تلقّي النشرة الأسبوعية. "
        "وهي لا تتعقّب أحدًا، ويمكنني إلغاء الاشتراك بنقرة واحدة.",
    ),
    "pt": (
        "A semana, no seu e-mail",
        "o boletim semanal",
        "O que aconteceu, quem está sob ameaça e o que você pode fazer. Um e-mail por semana.",
        "Ao fazer a inscrição, aceito receber o boletim semanal. "
        "Ele não rastreia ninguém, e posso cancelar a inscrição com um clique.",
    ),
    "ru": (
        "Главное за неделю — в вашей почте",
        "Новости недели",
        "Что произошло, кто под угрозой и что можете сделать вы. Одно письмо в неделю.",
        "Подписываясь, я соглашаюсь получать рассылку «Новости недели». "
        "Она ни за кем не следит, и отписаться можно одним нажатием.",
    ),
    "km": (
        "ព្រឹត្តិការណ៍ប្រចាំសប្ដាហ៍ ក្នុងប្រអប់សំបុត្ររបស់អ្នក",
        "ព្រឹត្តិបត្រប្រចាំសប្ដាហ៍",
        "អ្វីដែលបានកើតឡើង អ្នកណាកំពុងរងការគំរាមកំហែង និងអ្វីដែលអ្នកអាចធ្វើបាន។ អ៊ីមែលមួយក្នុងមួយសប្ដាហ៍។",
        "ដោយចុះឈ្មោះ ខ្ញុំយល់ព្រមទទួលព្រឹត្តិបត្រប្រចាំសប្ដាហ៍។ វាមិនតាមដានអ្នកណាឡើយ ហើយខ្ញុំអាចឈប់ទទួលបានដោយចុចតែម្ដង។",
    ),
    "my": (
        "တစ်ပတ်တာ သတင်းများ သင့်အီးမေးလ်ထဲသို့",
        "အပတ်စဉ်သတင်းလွှာ",
        "ဘာတွေဖြစ်ခဲ့သလဲ၊ မည်သူတို့ ခြိမ်းခြောက်ခံနေရသလဲ၊ သင် ဘာလုပ်ပေးနိုင်သလဲ။ တစ်ပတ်လျှင် အီးမေးလ်တစ်စောင်။",
        "စာရင်းသွင်းခြင်းဖြင့် အပတ်စဉ်သတင်းလွှာကို လက်ခံရယူရန် သဘောတူပါသည်။ "
        "၎င်းသည် မည်သူ့ကိုမျှ ခြေရာမခံပါ။ တစ်ချက်နှိပ်ရုံဖြင့် ရပ်နိုင်ပါသည်။",
    ),
}


def upgrade() -> None:
    op.create_table(
        "newsletter_texts",
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.Column("lang", sa.String(length=35), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in WORDS),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletters.id"], name=op.f("fk_newsletter_texts_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("newsletter_id", "lang", name=op.f("pk_newsletter_texts")),
    )
    newsletters = sa.table("newsletters", *map(sa.column, ("id", "slug", "lang", *WORDS)))
    texts = sa.table("newsletter_texts", *map(sa.column, ("newsletter_id", "lang", *WORDS)))
    moved = ("id", "lang", *WORDS)
    op.execute(
        sa.insert(texts).from_select(
            ("newsletter_id", *moved[1:]), sa.select(*(newsletters.c[name] for name in moved))
        )
    )
    weekly = op.get_bind().scalar(
        sa.select(newsletters.c.id).where(
            newsletters.c.slug == "weekly", newsletters.c.title == SHIPPED
        )
    )
    if weekly is not None:  # where a network wrote its own words, ours would not fit them
        _add_words(texts, weekly)
    for name in WORDS:
        op.drop_column("newsletters", name)


def _add_words(texts: sa.TableClause, newsletter_id: int) -> None:
    consent_texts = sa.table(
        "consent_texts",
        *(sa.column(name) for name in ("newsletter_id", "lang", "text")),
        sa.column("created_at", UtcDateTime()),
    )
    for lang, (title, name, description, consent) in WEEKLY.items():
        of = {"newsletter_id": newsletter_id, "lang": lang}
        words = {"title": title, "name": name, "description": description}
        op.execute(sa.insert(texts).values(**of, **words))
        op.execute(
            sa.insert(consent_texts).values(**of, text=consent, created_at=datetime.now(UTC))
        )
