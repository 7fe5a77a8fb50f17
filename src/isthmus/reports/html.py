"""The report: one page that works without a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from string import Template

import numpy as np

from isthmus.reports import codes, figures, pictures, tables
from isthmus.reports.data import Array, ReportData, Samples
from isthmus.reports.tables import escaped
from isthmus.reports.words import explained, headline, number, percent, sentences

_CURVE_SAMPLES = 6
_PROFILE_FEATURES = 24  # vectors with more features are drawn as curves, shorter ones as tables


@dataclass(frozen=True)
class Page:
    """A page in pieces of HTML, so that several reports can share one.

    Parameters
    ----------
    title : text. summary : what stays in view at the top. links : to the sections. lead : before the sections.
    cards : the sections. styles : added to the common ones.
    """

    title: str
    summary: str = ""
    links: str = ""
    lead: str = ""
    cards: str = ""
    styles: str = ""

    def text(self) -> str:
        """The whole page: styles, pictures and numbers inside, nothing loaded from elsewhere."""
        template = files("isthmus.reports").joinpath("report.html.template").read_text(encoding="utf-8")
        return Template(template).substitute(
            title=escaped(self.title),
            styles=self.styles,
            summary=self.summary,
            links=self.links,
            lead=self.lead,
            cards=self.cards,
        )


def render(data: ReportData) -> str:
    """The page of a model as text. Raises MissingExtraError when matplotlib is not installed."""
    return page_of(data).text()


def page_of(data: ReportData) -> Page:
    """The page of a model. Raises MissingExtraError when matplotlib is not installed."""
    cards = list(_cards(data))
    return Page(
        title=data.title,
        summary=_summary(data),
        links="".join(f"<a href='#{anchor}'>{label}</a>" for anchor, label, _ in cards),
        lead=_lead(data),
        cards="".join(card for _, _, card in cards),
    )


def _summary(data: ReportData) -> str:
    """The line that stays in view: variance explained by the autoencoder and by PCA."""
    evaluation = data.evaluation
    if evaluation is None:
        return ""
    return (
        "<span class='pill-title'><span class='long'>variance </span>explained</span>"
        f"<span class='pill model'>autoencoder <b>{percent(explained(evaluation))}</b></span>"
        f"<span class='pill pca'>PCA <b>{percent(explained(evaluation, 'pca'))}</b></span>"
    )


def _lead(data: ReportData) -> str:
    evaluation = data.evaluation
    if evaluation is None:
        return ""
    text = _unbroken(" ".join(escaped(sentence) for sentence in sentences(data)))
    verdict = _unbroken(escaped(headline(evaluation)))
    return (
        f"<section class='lead'><div><p class='verdict'>{verdict}</p><p>{text}</p></div>"
        "<div><p class='over'>Squared error a sample, shorter is better</p>"
        f"{tables.comparison_bars(evaluation)}</div></section>"
    )


def _unbroken(text: str) -> str:
    """Numbers and their percent signs stay on one line."""
    return text.replace(" %", "&nbsp;%")


def _cards(data: ReportData) -> Iterator[tuple[str, str, str]]:
    """Anchor, short name and HTML of every section that has something to show."""
    if data.samples is not None and len(data.samples):
        yield "samples", "Samples", _samples_card(data, data.samples)
    halves = list(_half_cards(data))
    yield from halves
    narrow = sum("class='card wide'" not in card for _, _, card in halves) % 2 == 1
    if data.evaluation is not None and narrow:  # beside the last half card, where a gap would be
        yield "numbers", "Numbers", _numbers_card(data, wide=False)
    if data.worst is not None and len(data.worst):
        yield "worst", "Worst", _worst_card(data, data.worst)
    if data.evaluation is not None and not narrow:
        yield "numbers", "Numbers", _numbers_card(data, wide=True)
    if data.facts:
        yield "facts", "Facts", _card("facts", "How it was made", tables.facts_table(data.facts), wide=True)


def _half_cards(data: ReportData) -> Iterator[tuple[str, str, str]]:
    if figures.has_curves(data.history):
        yield "learning", "Learning", _learning_card(data)
    if _has_spread_errors(data):
        yield "errors", "Errors", _errors_card(data)
    if data.codes is not None and len(data.codes) > 1:
        yield "codes", "Codes", _codes_card(data, data.codes)
    if data.per_feature is not None and np.isfinite(data.per_feature).any():
        yield "features", "Features", _features_card(data, data.per_feature)


def _card(anchor: str, title: str, body: str, caption: str = "", *, wide: bool = False) -> str:
    text = f"<figcaption>{_unbroken(caption)}</figcaption>" if caption else ""
    shape = "card wide" if wide else "card"
    return f"<section class='{shape}' id='{anchor}'><h2>{title}</h2><figure>{body}{text}</figure></section>"


def _plot(svg: str, alt: str) -> str:
    return f"<div class='plot' role='img' aria-label='{escaped(alt)}'>{svg}</div>"


def _draw(data: ReportData, samples: Samples, name: str) -> str:
    """Samples the way their kind is looked at."""
    if data.kind == "image":
        return pictures.image_strip(samples, limits=data.data_range)
    if _as_curves(data, samples):
        return _profiles(samples, name)
    return tables.sample_cards(samples, data.feature_names)


def _as_curves(data: ReportData, samples: Samples) -> bool:
    return data.kind == "vector" and samples.originals.shape[1] > _PROFILE_FEATURES


def _profiles(samples: Samples, name: str) -> str:
    """Every vector as curves over its features, with one legend for all."""
    pca = "" if samples.pca is None else "<span class='pill dashed pca'>PCA</span>"
    panels = ""
    for place in range(min(len(samples), _CURVE_SAMPLES)):
        restored = None if samples.pca is None else samples.pca[place]
        drawing = figures.profile(
            samples.originals[place], samples.reconstructions[place], restored, name=f"{name}{place}"
        )
        head = tables.sample_head(samples, place)
        panels += (
            f"<div><h3>{head}</h3>{_plot(drawing, 'values over the features, and what came back')}</div>"
        )
    legend = f"<span class='pill mean'>data</span><span class='pill model'>autoencoder</span>{pca}"
    return f"<p class='legend'>{legend}</p><div class='profiles'>{panels}</div>"


def _left_out(data: ReportData, samples: Samples) -> str:
    if data.kind == "image" or _as_curves(data, samples):
        return ""
    hidden = tables.hidden_columns(samples)
    return f" {hidden} further columns are not shown." if hidden else ""


def _samples_card(data: ReportData, samples: Samples) -> str:
    where = "held-out " if data.held_out is not None else ""
    what = {
        "image": "Compare fine strokes and edges: what the code cannot hold comes back blurred or missing.",
        "table": "Compare each value with what came back; ✗ marks a wrong category.",
        "vector": "Where the lines leave the data, the code did not hold what was there.",
    }[data.kind]
    caption = (
        f"Some {where}samples, and what came back through the code and through PCA of the same size. {what}"
    )
    body = _draw(data, samples, "first")
    return _card("samples", "Before and after", body, caption + _left_out(data, samples), wide=True)


def _learning_card(data: ReportData) -> str:
    last = data.history[-1]
    alt = f"loss over {len(data.history)} epochs, ending at {number(last.get('loss'))}"
    caption = "Loss after every epoch. Lines still falling at the right edge ask for more epochs"
    if "validation_loss" in last:
        alt += f" in training and {number(last['validation_loss'])} in validation"
        caption += (
            "; a validation line that turns up asks for fewer, or for more data. The dot is the best epoch"
        )
    body = _plot(figures.learning_curves(data.history), alt)
    names = figures.term_names(data.history)
    if len(names) > 1:
        terms = _plot(figures.term_curves(data.history), "terms of the objective: " + ", ".join(names))
        body = f"<div class='pair'>{body}{terms}</div>"
        caption += ". Beside it, the terms that add up to the training loss"
    return _card("learning", "Learning", body, caption + ".", wide=len(names) > 1)


def _has_spread_errors(data: ReportData) -> bool:
    return any(np.any(np.isfinite(value) & (value > 0)) for value in data.errors.values() if len(value) > 1)


def _errors_card(data: ReportData) -> str:
    medians = ", ".join(
        f"{label} {number(float(np.median(data.errors[name])))}"
        for name, (_, _, label) in figures.PREDICTORS.items()
        if name in data.errors
    )
    caption = (
        f"How the error spreads over the samples; upright lines are medians ({medians}). The further left a hill "
        "lies, the better; a long right flank means that some samples are badly served."
    )
    drawing = _plot(
        figures.error_distribution(data.errors), f"histograms of per-sample errors, medians: {medians}"
    )
    return _card("errors", "Error of each sample", drawing, caption)


def _codes_card(data: ReportData, values: Array) -> str:
    drawn = codes.code_map(values.reshape(len(values), -1), data.labels)
    dots = (
        f"{number(drawn.dots)} of {number(drawn.n)} samples"
        if drawn.dots < drawn.n
        else f"{number(drawn.n)} samples"
    )
    if drawn.share is None and drawn.code_size == 1:
        what = "to the right its only code number; the height only keeps dots apart."
    elif drawn.share is None:
        what = "drawn at its code, which has two numbers."
    else:
        what = (
            f"drawn at the two leading principal directions of its {drawn.code_size} code numbers. They show "
            f"{percent(drawn.share)} of the codes' variance, so dots that meet here may be apart in the code."
        )
    body = _plot(drawn.svg, f"scatter plot of the codes of {dots}")
    return _card(
        "codes", "Map of the codes", body, f"Each dot is one of {dots}, {what} {drawn.label_note}".strip()
    )


def _features_card(data: ReportData, errors: Array) -> str:
    if data.kind == "image" and errors.ndim >= 2:
        if errors.ndim == 3:
            errors = np.nanmean(errors, axis=2)
        caption = "Mean squared error of each pixel. Bright places are reconstructed worst."
        return _card("features", "Error of each pixel", _plot(figures.error_map(errors), caption), caption)
    flat = errors.reshape(-1)
    spread = None if data.spread_per_feature is None else data.spread_per_feature.reshape(-1)
    body, shown = tables.feature_bars(flat, data.feature_names, spread)
    which = f"the {shown} worst of {number(len(flat))} features" if shown < len(flat) else "every feature"
    caption = f"Mean squared error of {which}, in model units."
    if spread is not None:
        caption += (
            " The upright mark is the mean's error: a bar that reaches it learned nothing of the feature."
        )
    return _card("features", "Error of each feature", body, caption)


def _worst_card(data: ReportData, worst: Samples) -> str:
    caption = (
        "The samples with the largest errors, the worst first. Look for mislabelled, damaged or rare ones: they "
        "are either faults in the data or a kind that the training saw too seldom."
    )
    body = _draw(data, worst, "worst")
    return _card("worst", "Worst samples", body, caption + _left_out(data, worst), wide=True)


def _numbers_card(data: ReportData, *, wide: bool) -> str:
    caption = (
        "Errors in model units (images in [0, 1], tables standardised). Variance is explained against the mean "
        "of the training data; PCA has the same code size and was fitted on the same rows."
    )
    return _card("numbers", "Numbers", tables.measures_table(data), caption, wide=wide)
